"""Which masks of a click are kept, and how sure each one is."""

from __future__ import annotations

import torch
from torch import Tensor


def agreement(overlaps: Tensor, scores: Tensor, window_index: Tensor) -> Tensor:
    """What the windows say to each mask: one vote a window, by its mask that agrees most.

    Args:
        overlaps: (M, M) IoU of all pairs of masks.
        scores: (M,) own scores in [0, 1].
        window_index: (M,) int64 the window of each mask.

    Returns:
        (M,) in [0, 1], the mean over the windows of the best IoU times the square of its score.
    """
    votes = overlaps * scores.square()
    best = torch.stack(
        [votes[:, window_index == window].amax(1) for window in torch.unique(window_index)], dim=1
    )
    return best.mean(1)


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


def best_of_windows_first(kept: Tensor, window_index: Tensor) -> Tensor:
    """Put the best mask of each window in front, so that every scale is among the first.

    Args:
        kept: (K,) places, best first.
        window_index: (M,) int64 the window of each mask.

    Returns:
        (K,) the same places: each window's best in their order, then the others in theirs.
    """
    windows = window_index[kept].tolist()
    leads = [window not in windows[:place] for place, window in enumerate(windows)]
    return kept[torch.tensor(leads, dtype=torch.float32).argsort(descending=True, stable=True)]
