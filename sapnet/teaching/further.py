"""Further prompts of a simulated annotator: clicks in errors, clicks by chance, boxes."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from sapnet.proposals.click.prompts import Prompts
from sapnet.teaching.config import PromptConfig

SURE = 0.9
"""Coverage from which on a cell is the object's; one less that coverage, and it is not."""

NEARBY = 0.15
"""How far from the object's box negative clicks fall, in shares of the window's side."""


def further_prompts(
    prompts: Prompts,
    masks: Tensor,
    targets: Tensor,
    how: tuple[PromptConfig, np.random.Generator],
) -> Prompts:
    """Ask again about the same objects, with more than one click.

    Args:
        prompts: N prompts, of one click each.
        masks: (N, h, w) bool, what they were answered.
        targets: (N, h, w) float32 coverage in [0, 1].
        how: settings and source of randomness.
    """
    cfg, rng = how
    n = len(prompts)
    points = np.zeros((n, cfg.max_clicks, 2), np.float32)
    signs = np.zeros((n, cfg.max_clicks), np.float32)
    boxes, has_box = np.zeros((n, 4), np.float32), np.zeros(n, np.float32)
    for i in range(n):
        target, answer = targets[i].numpy(), masks[i].numpy()
        points[i, 0], signs[i, 0] = prompts.points[i, 0].numpy(), 1
        clicks = []
        if rng.random() < cfg.box_share and (target > 0.5).any():
            has_box[i], boxes[i] = 1, _jittered_box(target, cfg.box_jitter, rng)
        if rng.random() < cfg.error_share:
            clicks += error_clicks(answer, target, rng)
        if (not clicks and not has_box[i]) or rng.random() < 0.5:
            wanted = int(rng.integers(1, cfg.max_clicks))
            clicks += chance_clicks(target, wanted, rng)
        for place, (point, sign) in enumerate(clicks[: cfg.max_clicks - 1], start=1):
            points[i, place], signs[i, place] = point, sign
    return Prompts(
        points=torch.from_numpy(points),
        signs=torch.from_numpy(signs),
        boxes=torch.from_numpy(boxes),
        has_box=torch.from_numpy(has_box),
        window_index=prompts.window_index,
    )


def error_clicks(
    answer: np.ndarray, target: np.ndarray, rng: np.random.Generator | None = None
) -> list[tuple[np.ndarray, float]]:
    """Click where the largest error is deepest.

    Args:
        answer: (h, w) bool, a mask.
        target: (h, w) float coverage in [0, 1].
        rng: to move the click inside of its cell; None clicks the cell's centre.

    Returns:
        The click, x and y in shares of the sides, and its sign: 1 where the object was left out,
        -1 where too much was taken in. Nothing where no cell is sure to be wrong.
    """
    errors = np.where(answer, target < 1 - SURE, target > SURE).astype(np.uint8)
    if not errors.any():
        return []
    # The frame's border bounds a region as much as right cells do.
    depth = cv2.distanceTransform(np.pad(errors, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    count, regions, stats, _ = cv2.connectedComponentsWithStats(errors, connectivity=4)
    largest = 1 + int(np.argmax(stats[1:count, cv2.CC_STAT_AREA]))
    cell = int(np.argmax(np.where(regions == largest, depth, -1)))
    row, column = divmod(cell, answer.shape[1])
    inside = np.full(2, 0.5) if rng is None else rng.random(2)
    point = (np.array([column, row]) + inside) / answer.shape[::-1]
    return [(point, -1.0 if answer[row, column] else 1.0)]


def chance_clicks(
    target: np.ndarray, count: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Click on an object and beside it by chance, fewer times where there is no room.

    Args:
        target: (h, w) float coverage in [0, 1].
        count: clicks wanted.
        rng: source of randomness.
    """
    on, off = target > SURE, target < 1 - SURE
    if on.any():
        off &= _near_box(on, NEARBY)
    clicks = []
    for _ in range(count):
        sign = 1.0 if rng.random() < 0.5 else -1.0
        cells = np.flatnonzero(on if sign > 0 else off)
        if len(cells):
            row, column = divmod(int(rng.choice(cells)), target.shape[1])
            point = (np.array([column, row]) + rng.random(2)) / target.shape[::-1]
            clicks.append((point, sign))
    return clicks


def _near_box(on: np.ndarray, reach: float) -> np.ndarray:
    """(h, w) bool, cells in the box of a mask widened by a share of the sides."""
    near = np.zeros_like(on)
    rows, columns = np.flatnonzero(on.any(1)), np.flatnonzero(on.any(0))
    dy, dx = (int(np.ceil(reach * side)) for side in on.shape)
    near[
        max(rows[0] - dy, 0) : rows[-1] + dy + 1, max(columns[0] - dx, 0) : columns[-1] + dx + 1
    ] = True
    return near


def _jittered_box(target: np.ndarray, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """(4,) float32 xyxy in shares: the box of what is more than half covered, edges moved."""
    on = target > 0.5
    rows, columns = np.flatnonzero(on.any(1)), np.flatnonzero(on.any(0))
    box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)
    box /= np.tile(on.shape[::-1], 2)
    sides = np.tile(box[2:] - box[:2], 2)
    moved: np.ndarray = np.clip(box + rng.normal(0, jitter, 4) * sides, 0, 1).astype(np.float32)
    return moved
