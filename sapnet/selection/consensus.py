"""Choosing by agreement: the proposal whose mask is expected to overlap the object most.

The best-scored proposal is the most probable one, not the safest: a bag may hold one leak that
scores a little higher than each of three masks which show the object and agree with one another.
Taking the tempered scores as the probabilities that a proposal is the object's mask, the choice
that maximises the expected IoU is the one that agrees most with all of them. Not in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import ConsensusConfig

CHUNK_CELLS = 2**22
"""Mask cells compared at a time: 16 MiB as float32."""


def expected_iou(masks: Tensor, scores: Tensor, members: Tensor, cfg: ConsensusConfig) -> Tensor:
    """Expected IoU of each proposal with the object.

    Args:
        masks: (N, K, h, w) uint8 0/1.
        scores: (N, K) >= 0, larger where a proposal is more likely the object's mask.
        members: (N, K) bool; the others have no weight and expect 0.
        cfg: how the scores become weights.

    Returns:
        (N, K) float32 in [0, 1].
    """
    # In logarithms: scores may be tiny.
    logits = cfg.power * scores.float().clamp(min=torch.finfo(torch.float32).tiny).log()
    count = members.sum(1, keepdim=True).clamp(min=1)
    mean = (logits * members).sum(1, keepdim=True) / count
    spread = (((logits - mean) * members).square().sum(1, keepdim=True) / count).sqrt()
    logits = logits * (cfg.max_spread / spread.clamp(min=torch.finfo(spread.dtype).tiny)).clamp(
        max=1
    )
    weights = logits.masked_fill(~members, -torch.inf).softmax(1).nan_to_num(0.0)
    expected = torch.einsum("nkj,nj->nk", pairwise_iou(masks), weights)
    return expected.clamp(max=1.0) * members


def pairwise_iou(masks: Tensor) -> Tensor:
    """IoU of all pairs of masks of each bag.

    Args:
        masks: (N, K, h, w) uint8 0/1.

    Returns:
        (N, K, K) float32; 1 of a mask with itself, also where it is too small to cover a cell.
    """
    flat = masks.flatten(2)
    per_chunk = max(1, CHUNK_CELLS // max(1, flat[0].numel() if len(flat) else 1))
    parts = [part.float() @ part.float().mT for part in torch.split(flat, per_chunk)]
    intersection = torch.cat(parts)
    area = intersection.diagonal(dim1=1, dim2=2)
    union = area[:, :, None] + area[:, None, :] - intersection
    ious = intersection / union.clamp(min=1)
    ious.diagonal(dim1=1, dim2=2).fill_(1.0)
    return ious
