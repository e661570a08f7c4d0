"""Candidate boxes of the enhancer: around a click first, then around a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.selection.guidance import holds_point, rival_pairs
from sapnet.selection.sampling import clip_boxes

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.enhancement.config import AnchorsConfig, JitterConfig


def anchor_boxes(points: Tensor, sizes: Tensor, cfg: AnchorsConfig) -> Tensor:
    """Return boxes of every size and shape around each click, clipped to its image.

    Args:
        points: (N, 2) x, y, input frame.
        sizes: (N, 2) height and width of each click's image, input frame.
        cfg: sides as shares of the short side, and ratios.

    Returns:
        (N, A, 4) xyxy, A = number of sides times number of ratios, by side, then by ratio.
    """
    sides = points.new_tensor(cfg.sides)[:, None]
    roots = points.new_tensor(cfg.ratios).sqrt()
    shapes = torch.stack([sides * roots, sides / roots], -1).flatten(0, 1)  # (A, 2) width, height
    half = sizes.amin(1).to(points.dtype)[:, None, None] * shapes / 2
    centers = points[:, None]
    return clip_boxes(torch.cat([centers - half, centers + half], -1), sizes)


def jittered_boxes(boxes: Tensor, sizes: Tensor, cfg: JitterConfig) -> Tensor:
    """Return boxes around each box: all pairs of side factors, at and beside its center.

    The boxes are clipped to their image.

    Args:
        boxes: (N, 4) xyxy.
        sizes: (N, 2) height and width of each box's image.
        cfg: factors of the sides, and the shift of the center.

    Returns:
        (N, J, 4) xyxy, J = number of factors squared, times 5, or times 1 without a shift.
    """
    factors = boxes.new_tensor(cfg.factors)
    shapes = torch.cartesian_prod(factors, factors).view(-1, 2)
    steps = [(0.0, 0.0)]
    if cfg.shift:
        steps += [(-cfg.shift, 0.0), (cfg.shift, 0.0), (0.0, -cfg.shift), (0.0, cfg.shift)]
    extent = boxes[:, None, 2:] - boxes[:, None, :2]
    centers = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 + boxes.new_tensor(steps) * extent
    half = (extent * shapes / 2)[:, None]  # (N, 1, F, 2)
    centers = centers[:, :, None]  # (N, S, 1, 2)
    return clip_boxes(torch.cat([centers - half, centers + half], -1).flatten(1, 2), sizes)


def rival_holders(boxes: Tensor, points: Tensor, labels: Tensor, image_index: Tensor) -> Tensor:
    """Find boxes that hold a click of another object of the same category.

    Only clicks of the same image count.

    Args:
        boxes: (N, K, 4) xyxy.
        points: (N, 2) x, y.
        labels: (N,) class index.
        image_index: (N,) index of the click's image.

    Returns:
        (N, K) bool.
    """
    pairs = rival_pairs(labels, image_index)
    held = holds_point(points, boxes, pairs)
    counts = torch.zeros(boxes.shape[:2], dtype=torch.int64, device=boxes.device)
    return counts.index_add_(0, pairs[:, 0], held.long()) > 0
