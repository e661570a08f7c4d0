"""Losses of the click segmenter: for the best of its masks, and for their expected IoU."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sapnet.proposals.click.decoder import Answers

BCE_WEIGHT = 2.0
EDGE_WEIGHT = 2.0
"""Additional weight of cells at the outline in the cross entropy."""

OTHERS_WEIGHT = 0.04
"""Share of the masks that are not the best: enough that none of them dies."""

IOU_WEIGHT = 0.5
MIN_VISIBLE_WEIGHT = 0.3
"""Weight of the mask of an object that lies outside of its window almost entirely."""

_EPSILON = 1e-3


@dataclass(frozen=True)
class TeachLosses:
    """Losses to be summed, and what tells how the training does.

    Attributes:
        mask: scalar, of the best masks.
        iou: scalar, of the expected IoU.
        best_iou: scalar without gradient, mean IoU of the best mask.
        chosen_iou: scalar without gradient, mean IoU of the mask with the best expected IoU.
    """

    mask: Tensor
    iou: Tensor
    best_iou: Tensor
    chosen_iou: Tensor

    @property
    def total(self) -> Tensor:
        """Scalar to be made small."""
        return self.mask + IOU_WEIGHT * self.iou


def teach_losses(answers: Answers, targets: Tensor, outside: Tensor) -> TeachLosses:
    """Judge answers.

    Args:
        answers: to N prompts.
        targets: (N, h, w) float32 coverage in [0, 1].
        outside: (N,) area of each object beyond the window, in areas of the window.
    """
    losses = mask_losses(answers.mask_logits, targets)
    visible = targets.mean((1, 2))
    weights = (visible / (visible + outside).clamp(min=_EPSILON)).clamp(min=MIN_VISIBLE_WEIGHT)
    best = losses.amin(1) + OTHERS_WEIGHT * losses.mean(1)
    ious = mask_ious(answers.mask_logits.detach(), targets, outside)
    chosen = ious.gather(1, answers.iou_logits.argmax(1, keepdim=True))
    return TeachLosses(
        mask=(best * weights).sum() / weights.sum().clamp(min=_EPSILON),
        iou=_mean(F.binary_cross_entropy_with_logits(answers.iou_logits, ious, reduction="none")),
        best_iou=_mean(ious.amax(1)),
        chosen_iou=_mean(chosen),
    )


def mask_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Dice and weighted cross entropy of each mask.

    Args:
        logits: (N, M, h, w).
        targets: (N, h, w) float32 coverage in [0, 1].

    Returns:
        (N, M) float32.
    """
    wanted = targets[:, None]
    probabilities = logits.sigmoid()
    overlap = (probabilities * wanted).sum((2, 3))
    size = probabilities.square().sum((2, 3)) + wanted.square().sum((2, 3))
    dice = 1 - (2 * overlap + _EPSILON) / (size + _EPSILON)
    around = F.avg_pool2d(wanted, 3, stride=1, padding=1, count_include_pad=False)
    weights = 1 + EDGE_WEIGHT * ((around - wanted).abs() > _EPSILON).to(wanted.dtype)
    entropy = F.binary_cross_entropy_with_logits(
        logits, wanted.expand_as(logits), weight=weights.expand_as(logits), reduction="none"
    )
    return dice + BCE_WEIGHT * entropy.mean((2, 3))


def mask_ious(logits: Tensor, targets: Tensor, outside: Tensor) -> Tensor:
    """IoU of each mask with the whole object, the part beyond the window included.

    Args:
        logits: (N, M, h, w); positive is foreground.
        targets: (N, h, w) coverage in [0, 1].
        outside: (N,) in areas of the window.

    Returns:
        (N, M) float32 in [0, 1]; 0 for an empty mask.
    """
    masks = (logits > 0).to(targets.dtype)
    overlap = torch.einsum("nmhw,nhw->nm", masks, targets) / (targets.shape[1] * targets.shape[2])
    whole = (targets.mean((1, 2)) + outside)[:, None]
    union = masks.mean((2, 3)) + whole - overlap
    return overlap / union.clamp(min=_EPSILON**2)


def _mean(values: Tensor) -> Tensor:
    """Mean of all values; 0 of none."""
    return values.sum() / max(values.numel(), 1)
