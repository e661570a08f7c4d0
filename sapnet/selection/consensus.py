"""Choosing by agreement: the proposal whose mask is expected to overlap the object most.

The best-scored proposal is the most probable one, not the safest: a bag may hold one leak that
scores a little higher than each of three masks which show the object and agree with one another.
Taking the tempered scores as the probabilities that a proposal is the object's mask, the choice
that maximises the expected IoU is the one that agrees most with all of them. Not in the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import ConsensusConfig

CHUNK_CELLS = 2**21
"""Mask cells compared at a time: 2 MiB, about what a core keeps at hand."""

BYTES_PER_WORD = 8
"""Mask cells, a byte each, that one int64 operation works on."""

SPARSE_SHARE = 1 / 6
"""Where the masks of bags cover more of their words, a matrix product of all cells is quicker."""

SUM_OF_BYTES = 0x0101010101010101
"""A word of 0/1 bytes times this has their sum in its highest byte."""


def expected_iou(
    masks: Tensor,
    scores: Tensor,
    members: Tensor,
    cfg: ConsensusConfig,
    own_scores: Tensor | None = None,
) -> Tensor:
    """Expected IoU of each proposal with the object.

    Args:
        masks: (N, K, h, w) uint8 0/1.
        scores: (N, K) >= 0, larger where a proposal is more likely the object's mask.
        members: (N, K) bool; the others have no weight and expect 0.
        cfg: powers and spread of the weights.
        own_scores: (N, K) in [0, 1], the proposer's; None, or no `prior_power`, to leave them out.

    Returns:
        (N, K) float32 in [0, 1].
    """
    weights = consensus_weights(scores, members, cfg, own_scores)
    # A sum, not a matrix product, which autocast would round.
    expected = (pairwise_iou(masks) * weights[:, None]).sum(2)
    return expected.clamp(max=1.0) * members


def consensus_weights(
    scores: Tensor, members: Tensor, cfg: ConsensusConfig, own_scores: Tensor | None = None
) -> Tensor:
    """Turn scores into the probability of each member of a bag to be the object.

    What selection has learned and what the proposer thinks are two experts, whose probabilities
    are multiplied. The spread of the first is bounded, that of the second is not: while selection
    knows little, the proposer decides, and selection where the proposer sees little difference.

    Args:
        scores: (N, K) >= 0, larger where a member is more likely the object.
        members: (N, K) bool; the others have no weight.
        cfg: powers and spread of the weights.
        own_scores: (N, K) in [0, 1], the proposer's; None, or no `prior_power`, to leave them out.

    Returns:
        (N, K) float32, each row's sum 1; zeros where a bag has no member.
    """
    # In logarithms: scores may be tiny.
    smallest = torch.finfo(torch.float32).tiny
    logits = cfg.power * scores.float().clamp(min=smallest).log()
    count = members.sum(1, keepdim=True).clamp(min=1)
    mean = (logits * members).sum(1, keepdim=True) / count
    spread = (((logits - mean) * members).square().sum(1, keepdim=True) / count).sqrt()
    logits = logits * (cfg.max_spread / spread.clamp(min=torch.finfo(spread.dtype).tiny)).clamp(
        max=1
    )
    if own_scores is not None and cfg.prior_power:
        logits = logits + cfg.prior_power * own_scores.float().clamp(min=smallest).log()
    return logits.masked_fill(~members, -torch.inf).softmax(1).nan_to_num(0.0)


def pairwise_iou(masks: Tensor) -> Tensor:
    """Compute the IoU of all pairs of masks of each bag.

    Args:
        masks: (N, K, h, w) uint8 0/1.

    Returns:
        (N, K, K) float32; 1 of a mask with itself, also where it is too small to cover a cell.
    """
    num_proposals = masks.shape[1]
    words = _as_words(masks)
    per_chunk = max(1, CHUNK_CELLS // max(1, num_proposals * words.shape[2] * BYTES_PER_WORD))
    intersection = torch.cat([_intersections(part) for part in torch.split(words, per_chunk)])
    area = intersection.diagonal(dim1=1, dim2=2)
    union = area[:, :, None] + area[:, None, :] - intersection
    ious = intersection / union.clamp(min=1)
    ious.diagonal(dim1=1, dim2=2).fill_(1.0)
    return ious


def _as_words(masks: Tensor) -> Tensor:
    """View masks (N, K, h, w) as (N, K, T) int64 words of eight cells, padded with 0."""
    flat = masks.flatten(2).contiguous()
    rest = -flat.shape[2] % BYTES_PER_WORD
    if rest or flat.storage_offset() % BYTES_PER_WORD:
        flat = functional.pad(flat, (0, rest))  # a copy, which begins at a whole word
    return flat.view(torch.int64)


def _intersections(words: Tensor) -> Tensor:
    """Count the cells that the masks of each bag share.

    Most words of a grid are 0 in all masks of a bag. The others are listed and compared as they
    are, eight cells at a time; counts are whole numbers, so that every way gives the same.

    Args:
        words: (n, K, T) int64 of eight 0/1 bytes.

    Returns:
        (n, K, K) float32, whole numbers.
    """
    num_bags, num_proposals, num_words = words.shape
    bags, places = words.amax(1).nonzero().unbind(1) if num_proposals else words.new_zeros(2, 0)
    if len(bags) > SPARSE_SHARE * num_bags * num_words:
        cells = words.view(torch.uint8).float()
        # Autocast would round the counts to two or three digits.
        with torch.autocast(cells.device.type, enabled=False):
            return cells @ cells.mT
    found = words.transpose(0, 1)[:, bags, places]  # (K, V), V words that hold a cell, by bag
    first, second = torch.triu_indices(num_proposals, num_proposals, device=words.device)
    shared = found[first].bitwise_and_(found[second])  # (K (K + 1) / 2, V)
    shared.mul_(SUM_OF_BYTES).bitwise_right_shift_(8 * (BYTES_PER_WORD - 1))
    # Words of a bag lie together: its sum is the growth of the running sum.
    ends = torch.bincount(bags, minlength=num_bags).cumsum(0)
    running = functional.pad(shared.cumsum(1), (1, 0))[:, functional.pad(ends, (1, 0))]
    counts = running.diff(dim=1).T.float()
    intersection = counts.new_empty(num_bags, num_proposals, num_proposals)
    intersection[:, first, second] = counts
    intersection[:, second, first] = counts
    return intersection
