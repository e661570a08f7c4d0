"""From scores to the selected box of each bag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def best_index(scores: Tensor, valid: Tensor) -> Tensor:
    """Index of the best valid proposal of each bag.

    Args:
        scores: (N, K) >= 0.
        valid: (N, K) bool.

    Returns:
        (N,) int64; without any proposal (K = 0, an empty batch) there is nothing to index.
    """
    if scores.shape[1] == 0:
        return torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    return scores.masked_fill(~valid, -1.0).argmax(1)


def choose_boxes(
    boxes: Tensor, scores: Tensor, valid: Tensor, top_k: int = 1
) -> tuple[Tensor, Tensor]:
    """Choose the best proposal of each bag, or the weighted mean of the best ones.

    Args:
        boxes: (N, K, 4) xyxy.
        scores: (N, K) >= 0.
        valid: (N, K) bool; only these are chosen.
        top_k: how many of the best boxes are averaged, weighted by their scores.

    Returns:
        (N,) int64 index of the best proposal and (N, 4) boxes; with `top_k` = 1 the boxes are
        those proposals, unchanged.
    """
    index = best_index(scores, valid)
    if top_k == 1:
        return index, gather_rows(boxes, index)
    best, order = scores.masked_fill(~valid, -1.0).topk(min(top_k, scores.shape[1]), dim=1)
    # Scores may all underflow to 0; the best box then carries the mean alone.
    weights = best.clamp(min=0)
    weights[:, :1].clamp_(min=torch.finfo(weights.dtype).tiny)
    weights = weights / weights.sum(1, keepdim=True)
    chosen = boxes.take_along_dim(order[..., None], dim=1)
    return index, (chosen * weights[..., None]).sum(1)


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """Pick one proposal's value per bag.

    Args:
        values: (N, K, ...).
        index: (N,) int64.

    Returns:
        (N, ...).
    """
    return values[torch.arange(len(index), device=index.device), index]
