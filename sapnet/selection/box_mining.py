"""Box mining (BMS, Algorithm 2): a selected part grows into larger boxes that agree with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import broadcast_iou

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import MiningConfig


def mine_boxes(
    selected: Tensor, candidates: Tensor, members: Tensor | None, cfg: MiningConfig
) -> Tensor:
    """Merge each selected box with the larger candidates that agree with it.

    The paper names two rules for a candidate larger than the box. Close: with an IoU o above
    `close_iou` the box becomes (candidate + o box) / (1 + o). Containing: otherwise, with o above
    `containment_iou` and a candidate that contains the box, it becomes (o candidate + box) /
    (1 + o). What it leaves open follows the released code: candidates are tried in turn against
    the merged box, a later one needs a higher IoU than the last merged one and a larger area
    than it, and containing allows the overhang of a few pixels.

    Args:
        selected: (N, 4) xyxy, input frame.
        candidates: (N, k, 4) xyxy, in the order in which they are tried.
        members: (N, k) bool, the candidates that may be merged; None for all.
        cfg: the thresholds. `enabled` and `top_k` are the caller's business.

    Returns:
        (N, 4) refined boxes, a new tensor.
    """
    box = selected.clone()
    area = _areas(box)
    last_iou = torch.zeros_like(area)
    for k in range(candidates.shape[1]):
        candidate = candidates[:, k]
        iou = broadcast_iou(box, candidate)
        eligible = (_areas(candidate) > area) & (iou > last_iou)
        if members is not None:
            eligible = eligible & members[:, k]
        close = eligible & (iou > cfg.close_iou)
        contains = _contains(candidate, box, cfg.containment_tolerance)
        containing = eligible & ~close & contains & (iou > cfg.containment_iou)
        # Weight of the candidate: 1 / (1 + o), o / (1 + o), or 0.
        share = (close + containing * iou) / (1 + iou)
        box = torch.lerp(box, candidate, share[:, None])
        merged = close | containing
        area = torch.where(merged, _areas(candidate), area)
        last_iou = torch.where(merged, iou, last_iou)
    return box


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _contains(outer: Tensor, inner: Tensor, tolerance: float) -> Tensor:
    """Whether the outer boxes contain the inner ones but for less than `tolerance` px a side."""
    overhang = torch.cat([outer[:, :2] - inner[:, :2], inner[:, 2:] - outer[:, 2:]], 1)
    return (overhang < tolerance).all(1)
