"""From the refined box back to a mask of the bag, and the order of the other masks (MPS)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import broadcast_iou
from sapnet.selection.choose import best_index

if TYPE_CHECKING:
    from torch import Tensor


def boxes_to_proposals(
    refined: Tensor,
    boxes: Tensor,
    valid: Tensor,
    scores: Tensor | None = None,
    near_tie_margin: float = 0.0,
) -> Tensor:
    """The proposal whose box overlaps the refined box most.

    Masks that differ much may have nearly the same box (an object and the object without its
    middle). With a margin, all proposals whose IoU is within it of the best are taken as equally
    near, and the score decides.

    Args:
        refined: (N, 4) xyxy.
        boxes: (N, K, 4) xyxy original proposals.
        valid: (N, K) bool; only these are chosen.
        scores: (N, K) >= 0 decide near ties; None for the IoU alone.
        near_tie_margin: IoU below the best one that still counts as near; >= 0.

    Returns:
        (N,) int64 index into the bag.
    """
    iou = broadcast_iou(refined[:, None], boxes)
    if scores is None or iou.shape[1] == 0:
        return best_index(iou, valid)
    best = iou.masked_fill(~valid, -1.0).amax(1, keepdim=True)
    return best_index(scores, valid & (iou >= best - near_tie_margin))


def rank_proposals(
    scores: Tensor, valid: Tensor, leave_out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Order each bag by score, best first.

    Args:
        scores: (N, K) >= 0.
        valid: (N, K) bool; the others come last.
        leave_out: (N,) index of a proposal that is ranked last and not counted, or None.

    Returns:
        (N, K) int64 indices and (N,) int64 how many of them are ranked.
    """
    ranked = valid
    if leave_out is not None:
        places = torch.arange(scores.shape[1], device=scores.device)
        ranked = valid & (places != leave_out[:, None])
    order = scores.masked_fill(~ranked, -1.0).argsort(dim=1, descending=True, stable=True)
    return order, ranked.sum(1)


def runners_up(scores: Tensor, valid: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The best, middle and worst scored proposals other than the chosen one (MPS).

    Args:
        scores: (N, K) >= 0 final selection scores.
        valid: (N, K) bool.
        chosen: (N,) index of the chosen proposal.

    Returns:
        (N, R) int64 indices and (N, R) bool which exist, R = 3 or less where K is small: a bag of
        one proposal has none, of two the best, of three the best and the worst.
    """
    order, count = rank_proposals(scores, valid, chosen)
    last = count - 1
    ranks = torch.stack([torch.zeros_like(last), last, last // 2], 1)
    exists = count[:, None] > torch.arange(3, device=count.device)
    num_ranks = min(3, max(scores.shape[1] - 1, 0))
    ranks, exists = ranks[:, :num_ranks].clamp(min=0), exists[:, :num_ranks]
    return order.gather(1, ranks), exists
