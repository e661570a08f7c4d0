"""Which masks of a click are kept, and how sure each one is."""

from __future__ import annotations

import torch
from torch import Tensor


def votes(overlaps: Tensor, scores: Tensor) -> Tensor:
    """What all masks of a click say to each of them.

    Args:
        overlaps: (M, M) IoU of all pairs of masks.
        scores: (M,) own scores in [0, 1].

    Returns:
        (M,) in [0, 1], the mean over the masks of IoU times the square of the own score.
    """
    return (overlaps * scores.square()).mean(1)


def suppress(overlaps: Tensor, scores: Tensor, max_iou: float) -> Tensor:
    """Keep masks from the best score down, unless a kept one is nearly the same.

    Args:
        overlaps: (M, M) IoU of all pairs of masks.
        scores: (M,) what they are ranked by.
        max_iou: largest IoU of two that are kept.

    Returns:
        (K,) int64 places of the kept masks, best first.
    """
    kept: list[int] = []
    for place in scores.argsort(descending=True, stable=True).tolist():
        if all(float(overlaps[place, other]) <= max_iou for other in kept):
            kept.append(place)
    return torch.tensor(kept, dtype=torch.int64)


def keep_best(overlaps: Tensor, scores: Tensor, favourite: int, how: tuple[int, float]) -> Tensor:
    """Keep K masks by their own scores, the favourite among them.

    Args:
        overlaps: (M, M) IoU of all pairs of masks.
        scores: (M,) own scores.
        favourite: place of the mask that must not be missing.
        how: K, and the largest IoU of two that are kept.

    Returns:
        (K or fewer,) int64 places; what is nearly the same as the favourite gives way to it.
    """
    count, max_iou = how
    first = scores.clone()
    first[favourite] = torch.inf
    return suppress(overlaps, first, max_iou)[:count]
