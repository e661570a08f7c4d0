"""Removal of duplicates: local peaks of the grid, then Matrix NMS (SOLOv2, section 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from sapnet.segmentation.config import PredictConfig


def suppress_cells(scores: Tensor) -> Tensor:
    """Keep scores no smaller than those of the left, upper and upper-left neighbors.

    Args:
        scores: (..., S, S) in [0, 1]; leading dimensions (C,) or (B, C).

    Returns:
        The same shape; other cells are 0.
    """
    peaks = functional.max_pool2d(scores, kernel_size=2, stride=1, padding=1)[..., :-1, :-1]
    return scores * (peaks == scores)


def matrix_nms(
    masks: Tensor, labels: Tensor, scores: Tensor, cfg: PredictConfig
) -> tuple[Tensor, Tensor]:
    """Lower the scores of masks that overlap better ones of the same class (Matrix NMS).

    A score is multiplied by the smallest of decay(iou) / decay(worst iou of the better mask itself)
    over all better masks, at once for all masks.

    Where the released code returns NaN this has a value: masks without pixels overlap nothing
    (IoU 0), and of identical masks under the linear kernel all but the best fall to 0.

    Args:
        masks: (P, h, w) bool.
        labels: (P,) int64.
        scores: (P,) float in [0, 1].
        cfg: `pre_nms`, `kernel`, `sigma`, `filter_threshold` and `max_instances`.

    Returns:
        Indices (P',) of the kept masks, best first, and their lowered scores (P',).
    """
    order = scores.sort(descending=True, stable=True).indices[: cfg.pre_nms]
    iou = _iou_within_classes(masks[order], labels[order]).triu(diagonal=1)  # row: the better mask
    # A virtual best mask that overlaps nothing decays nobody: the least decay is at most 1, as it
    # is with the real best one, and exists without any mask.
    # (Joined, not padded: torch before 2.5 cannot pad what is empty.)
    iou = torch.cat([iou.new_zeros(1, iou.shape[1]), iou])
    worst = torch.cat([iou.new_zeros(1), iou.amax(dim=0)])[:, None]
    lowered = scores[order] * decay(iou, worst, cfg).amin(dim=0)

    kept = torch.nonzero(lowered >= cfg.filter_threshold)[:, 0]
    best = lowered[kept].sort(descending=True, stable=True).indices[: cfg.max_instances]
    kept = kept[best]
    return order[kept], lowered[kept]


def _iou_within_classes(masks: Tensor, labels: Tensor) -> Tensor:
    """Compute the IoU (P, P) of pairs of masks (P, h, w) of one class; 0 if both are empty.

    Pairs of different classes, which are most of them, are left at 0 and cost nothing.
    """
    flat = masks.flatten(1)
    ious = flat.new_zeros(len(flat), len(flat), dtype=torch.float32)
    for label in torch.unique(labels):
        (rows,) = (labels == label).nonzero(as_tuple=True)
        own = flat[rows].float()
        intersection = own @ own.T
        areas = intersection.diagonal()
        union = areas[:, None] + areas - intersection
        ious[rows[:, None], rows] = intersection / union.clamp(min=1)
    return ious


def decay(iou: Tensor, worst: Tensor, cfg: PredictConfig) -> Tensor:
    """Compute the factor by which each better mask (row) lowers each mask (column).

    Args:
        iou: (R, P) IoU of each pair, 0 where the row is not the better mask.
        worst: (R, 1) largest IoU of each row's mask with one better than itself.
        cfg: decay function.

    Returns:
        (R, P); the score of a column is multiplied by its least factor.
    """
    if cfg.kernel == "gaussian":
        return (cfg.sigma * (worst.square() - iou.square())).exp()
    return (1 - iou) / (1 - worst).clamp(min=torch.finfo(iou.dtype).tiny)
