"""Membership of proposals, and scores of proposals and bags by both MIL branches (Eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sapnet.selection.config import SelectionConfig
    from sapnet.structures.batch import Bags


Activation = Literal["softmax", "sigmoid"]
"""What makes class scores of class logits: a softmax over the classes, or a sigmoid of each."""


@dataclass(frozen=True)
class BagScores:
    """Scores of proposals and of bags.

    Attributes:
        proposals: (N, K, C) in [0, 1]; 0 where no member.
        bags: (N, C) in [0, 1], their sum over the bag.
    """

    proposals: Tensor
    bags: Tensor


@dataclass(frozen=True)
class Membership:
    """The proposals of each bag that take part in selection.

    Attributes:
        members: (N, K) bool, proposals that selection learns from and may choose; at least one of
            each bag.
        voters: (N, K) bool, proposals whose agreement counts in a choice by consensus; all members
            are among them.
    """

    members: Tensor
    voters: Tensor

    def enriched(self, num_positives: int) -> Membership:
        """Return the membership of bags that generated positives were appended to."""
        added = self.members.new_ones(len(self.members), num_positives)
        return Membership(
            members=torch.cat([self.members, added], 1), voters=torch.cat([self.voters, added], 1)
        )


def bag_membership(bags: Bags, cfg: SelectionConfig) -> Membership:
    """Decide which proposals take part.

    Voters fit the box that came with the click. Members hold no rival click either: such a mask
    contains the object and more, so it cannot be the object. It stays a voter, because without its
    vote the whole object has fewer masks to agree with, and parts of it win more often. A rule that
    no proposal of a bag passes is not applied to this bag.

    Args:
        bags: N bags.
        cfg: `min_box_iou` and `exclude_rivals`.
    """
    voters = narrow_bags(bags.valid, (bags.box_iou < cfg.min_box_iou,))
    unfit = (bags.holds_rival,) if cfg.exclude_rivals else ()
    return Membership(members=narrow_bags(voters, unfit), voters=voters)


def narrow_bags(members: Tensor, unfit: Sequence[Tensor]) -> Tensor:
    """Leave out unfit proposals, rule by rule.

    Args:
        members: (N, K) bool.
        unfit: one (N, K) bool per rule, the proposals that the rule leaves out.

    Returns:
        (N, K) bool. A rule that would empty a bag is not applied to it.
    """
    for rule in unfit:
        kept = members & ~rule
        members = torch.where(kept.any(1, keepdim=True), kept, members)
    return members


def score_bags(
    class_logits: Tensor,
    instance_logits: Tensor,
    members: Tensor,
    activation: Activation,
    factor: Tensor | None = None,
) -> BagScores:
    """Multiply class scores by instance scores, in float32 at least whatever autocast does.

    Args:
        class_logits: (N, K, C).
        instance_logits: (N, K, C); softmax over the members of the bag.
        members: (N, K) bool; the others score 0.
        activation: of the class logits: "softmax" over the classes in selection, "sigmoid" in
            refinement, and in selection where there is one class alone.
        factor: (N, K) distance scores that multiply every class, or None.

    Returns:
        Scores of proposals and bags.
    """
    dtype = torch.promote_types(class_logits.dtype, torch.float32)
    class_logits, instance_logits = class_logits.to(dtype), instance_logits.to(dtype)
    class_scores = class_logits.softmax(-1) if activation == "softmax" else class_logits.sigmoid()
    member = members[..., None]
    # The lowest finite number, not -inf: a bag without a member gives 0 and no NaN.
    masked = instance_logits.masked_fill(~member, torch.finfo(dtype).min)
    instance_scores = masked.softmax(1) * member
    proposals = class_scores * instance_scores
    if factor is not None:
        proposals = proposals * factor[..., None].to(dtype)
    return BagScores(proposals, proposals.sum(1))


def selection_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """Pick the scores at each bag's own label.

    Args:
        scores: (N, K, C) proposal scores.
        labels: (N,) class index.

    Returns:
        (N, K).
    """
    return scores.take_along_dim(labels[:, None, None], dim=2).squeeze(2)


def join_stages(stage_scores: Tensor) -> Tensor:
    """Join the scores of all stages to their geometric mean.

    Args:
        stage_scores: (N, S, K) >= 0.

    Returns:
        (N, K).
    """
    return stage_scores.prod(1) ** (1 / stage_scores.shape[1])


def label_scores(bag_scores: Tensor, labels: Tensor) -> Tensor:
    """Pick each bag's score at its own label: the inner product <c, S> of Eq. 5.

    Args:
        bag_scores: (N, C).
        labels: (N,) class index.

    Returns:
        (N,).
    """
    return bag_scores.take_along_dim(labels[:, None], dim=1).squeeze(1)
