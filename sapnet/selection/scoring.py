"""What a proposal and its bag score: the two MIL branches put together (Eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import SelectionConfig
    from sapnet.structures.batch import Bags


@dataclass(frozen=True)
class BagScores:
    """Scores of proposals and of bags.

    Attributes:
        proposals: (N, K, C) in [0, 1]; 0 where not valid.
        bags: (N, C) in [0, 1], their sum over the bag.
    """

    proposals: Tensor
    bags: Tensor


def leave_out(members: Tensor, unfit: Tensor) -> Tensor:
    """The bag without its unfit proposals.

    Args:
        members: (N, K) bool.
        unfit: (N, K) bool.

    Returns:
        (N, K) bool; a bag all of whose members are unfit stays as it is.
    """
    kept = members & ~unfit
    return torch.where(kept.any(1, keepdim=True), kept, members)


def bag_voters(bags: Bags, cfg: SelectionConfig) -> Tensor:
    """The proposals whose agreement counts where the choice is made by consensus.

    Args:
        bags: N bags.
        cfg: how well a proposal must fit the box that came with its click.

    Returns:
        (N, K) bool; at least one of each bag.
    """
    return leave_out(bags.valid, bags.box_iou < cfg.min_box_iou)


def bag_members(bags: Bags, cfg: SelectionConfig) -> Tensor:
    """The voters that selection learns from and may choose.

    A mask that holds a rival click cannot be the object, but contains it: without its vote the
    whole object has fewer masks to agree with, and parts of it win more often.

    Args:
        bags: N bags.
        cfg: whether proposals that hold a rival click are left out, and how well one must fit the
            box that came with its click.

    Returns:
        (N, K) bool; at least one of each bag.
    """
    voters = bag_voters(bags, cfg)
    return leave_out(voters, bags.holds_rival) if cfg.exclude_rivals else voters


def score_bags(
    class_logits: Tensor,
    instance_logits: Tensor,
    valid: Tensor,
    activation: Literal["softmax", "sigmoid"],
    factor: Tensor | None = None,
) -> BagScores:
    """Class scores times instance scores, in float32 at least whatever autocast does.

    Args:
        class_logits: (N, K, C).
        instance_logits: (N, K, C); softmax over the valid proposals of the bag.
        valid: (N, K) bool.
        activation: of the class logits: "softmax" over the classes in selection, "sigmoid" in
            refinement.
        factor: (N, K) distance scores that multiply every class, or None.

    Returns:
        Scores of proposals and bags.
    """
    dtype = torch.promote_types(class_logits.dtype, torch.float32)
    class_logits, instance_logits = class_logits.to(dtype), instance_logits.to(dtype)
    class_scores = class_logits.softmax(-1) if activation == "softmax" else class_logits.sigmoid()
    member = valid[..., None]
    # The lowest finite number, not -inf: a bag without a valid proposal gives 0 and no NaN.
    masked = instance_logits.masked_fill(~member, torch.finfo(dtype).min)
    instance_scores = masked.softmax(1) * member
    proposals = class_scores * instance_scores
    if factor is not None:
        proposals = proposals * factor[..., None].to(dtype)
    return BagScores(proposals, proposals.sum(1))


def selection_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """The scores of each bag's own label.

    Args:
        scores: (N, K, C) proposal scores.
        labels: (N,) class index.

    Returns:
        (N, K).
    """
    return scores.take_along_dim(labels[:, None, None], dim=2).squeeze(2)


def join_stages(stage_scores: Tensor) -> Tensor:
    """The scores of all stages as one: their geometric mean.

    Args:
        stage_scores: (N, S, K) >= 0.

    Returns:
        (N, K).
    """
    return stage_scores.prod(1) ** (1 / stage_scores.shape[1])


def label_scores(bag_scores: Tensor, labels: Tensor) -> Tensor:
    """The inner product <c, S> of Eq. 5: each bag's score at its own label.

    Args:
        bag_scores: (N, C).
        labels: (N,) class index.

    Returns:
        (N,).
    """
    return bag_scores.take_along_dim(labels[:, None], dim=1).squeeze(1)
