"""Choosing and ranking the proposals of each bag, by their scores or by a refined box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import broadcast_iou

if TYPE_CHECKING:
    from torch import Tensor


def best_index(scores: Tensor, members: Tensor) -> Tensor:
    """Find the best member of each bag.

    Args:
        scores: (N, K) >= 0.
        members: (N, K) bool.

    Returns:
        (N,) int64; zeros where no bag has a proposal (K = 0).
    """
    if scores.shape[1] == 0:
        return torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    return scores.masked_fill(~members, -1.0).argmax(1)


def choose_boxes(
    boxes: Tensor, scores: Tensor, members: Tensor, top_k: int = 1
) -> tuple[Tensor, Tensor]:
    """Choose the best proposal of each bag, or the weighted mean of the best ones.

    Args:
        boxes: (N, K, 4) xyxy.
        scores: (N, K) >= 0.
        members: (N, K) bool; only these are chosen.
        top_k: how many of the best boxes are averaged, weighted by their scores.

    Returns:
        (N,) int64 index of the best proposal and (N, 4) boxes; with `top_k` = 1 the boxes are
        those proposals, unchanged.
    """
    index = best_index(scores, members)
    if top_k == 1:
        return index, gather_rows(boxes, index)
    best, order = scores.masked_fill(~members, -1.0).topk(min(top_k, scores.shape[1]), dim=1)
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


def boxes_to_proposals(
    refined: Tensor,
    boxes: Tensor,
    scores: Tensor | None,
    members: Tensor,
    near_tie_margin: float = 0.0,
) -> Tensor:
    """Find the proposal whose box overlaps the refined box most.

    Masks that differ much may have nearly the same box (an object and the object without its
    middle). With a margin, all proposals whose IoU is within it of the best are taken as equally
    near, and the score decides.

    Args:
        refined: (N, 4) xyxy.
        boxes: (N, K, 4) xyxy original proposals.
        scores: (N, K) >= 0 decide near ties; None for the IoU alone.
        members: (N, K) bool; only these are chosen.
        near_tie_margin: IoU below the best one that still counts as near; >= 0.

    Returns:
        (N,) int64 index into the bag.
    """
    iou = broadcast_iou(refined[:, None], boxes)
    if scores is None or iou.shape[1] == 0:
        return best_index(iou, members)
    best = iou.masked_fill(~members, -1.0).amax(1, keepdim=True)
    return best_index(scores, members & (iou >= best - near_tie_margin))


def rank_proposals(
    scores: Tensor, members: Tensor, leave_out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Order each bag by score, best first.

    Args:
        scores: (N, K) >= 0.
        members: (N, K) bool; the others come last.
        leave_out: (N,) index of a proposal that is ranked last and not counted, or None.

    Returns:
        (N, K) int64 indices and (N,) int64 how many of them are ranked.
    """
    ranked = members
    if leave_out is not None:
        places = torch.arange(scores.shape[1], device=scores.device)
        ranked = members & (places != leave_out[:, None])
    order = scores.masked_fill(~ranked, -1.0).argsort(dim=1, descending=True, stable=True)
    return order, ranked.sum(1)


def runners_up(scores: Tensor, members: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The best, middle and worst scored proposals other than the chosen one (MPS).

    Args:
        scores: (N, K) >= 0 final selection scores.
        members: (N, K) bool.
        chosen: (N,) index of the chosen proposal.

    Returns:
        (N, R) int64 indices and (N, R) bool which exist, R = 3 or less where K is small: a bag of
        one proposal has none, of two the best, of three the best and the worst.
    """
    order, count = rank_proposals(scores, members, chosen)
    last = count - 1
    ranks = torch.stack([torch.zeros_like(last), last, last // 2], 1)
    exists = count[:, None] > torch.arange(3, device=count.device)
    num_ranks = min(3, max(scores.shape[1] - 1, 0))
    ranks, exists = ranks[:, :num_ranks].clamp(min=0), exists[:, :num_ranks]
    return order.gather(1, ranks), exists
