"""The selection branch: it chooses one proposal of each bag, and computes the losses.

`SelectionBranch.forward` reads as the paper's figure: selection scores (PSM, with guidance) ->
best box -> positives (PPG) and negatives (NPG) -> refinement scores (PRM) -> best box -> box mining
(BMS) -> nearest proposal. With consensus, the scores of both stages weigh the proposals, and the
proposal that agrees most with them is chosen instead. Everything is computed for all objects of the
batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from sapnet.selection.box_mining import mine_boxes
from sapnet.selection.choosing import boxes_to_proposals, choose_boxes, rank_proposals
from sapnet.selection.consensus import expected_iou
from sapnet.selection.enrichment import (
    choose_proposals,
    clear_of_regions,
    sample_negatives,
    sample_positives,
)
from sapnet.selection.guidance import guide
from sapnet.selection.heads import BoxEncoder, MilHead
from sapnet.selection.losses import bag_loss, global_mean_count, negative_loss, positive_loss
from sapnet.selection.scoring import (
    Activation,
    BagScores,
    Membership,
    bag_membership,
    join_stages,
    label_scores,
    score_bags,
    selection_scores,
)
from sapnet.structures.outputs import Selection
from sapnet.system.processes.ranks import mean_over_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sapnet.selection.config import SelectionConfig
    from sapnet.selection.enrichment import Choice
    from sapnet.selection.heads import MilLogits
    from sapnet.structures.batch import Bags


@dataclass(frozen=True)
class Inputs:
    """The inputs of the branch for one batch.

    Attributes:
        features: pyramid levels, P2 first, (B, D, h, w) float32.
        bags: N bags of K proposals.
        image_sizes: (B, 2) height and width of each image's content, input frame.
        membership: of the proposals.
        avoid: (B, h, w) bool on the stride-4 grid, what no negative may show; None for nothing.
    """

    features: list[Tensor]
    bags: Bags
    image_sizes: Tensor
    membership: Membership
    avoid: Tensor | None = None


@dataclass(frozen=True)
class FirstStage:
    """The first MIL stage: each proposal of each bag is scored.

    Attributes:
        hidden: (N, K, hidden_channels) encoded proposals.
        guidance: (N, K) distance scores.
        logits: of the proposals.
        scores: (N, K) scores that choose; no gradient.
    """

    hidden: Tensor
    guidance: Tensor
    logits: MilLogits
    scores: Tensor


@dataclass(frozen=True)
class SecondStage:
    """The second MIL stage: the bags, enriched to Q boxes by positives, are scored again.

    Attributes:
        choice: the selected proposals, round which the positives lie.
        boxes: (N, Q, 4) xyxy, the K proposals first.
        members: (N, Q) bool.
        logits: of the Q boxes.
        scores: (N, Q) scores that choose; no gradient.
    """

    choice: Choice
    boxes: Tensor
    members: Tensor
    logits: MilLogits
    scores: Tensor


class SelectionBranch(nn.Module):
    """Chooses the proposal that shows each object, and learns to from clicks alone.

    With one category, a softmax over the categories is 1 whatever a proposal shows. The first stage
    then takes the sigmoid of the class logit, and the negatives, which otherwise train the second
    stage alone, train the first one too: object or background is what it learns to tell.

    Args:
        num_classes: C, without background.
        in_channels: D of the pyramid levels.
        cfg: the parts of the method.
    """

    def __init__(self, num_classes: int, in_channels: int, cfg: SelectionConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.has_one_class = num_classes == 1
        self.first_activation: Activation = "sigmoid" if self.has_one_class else "softmax"
        self.encoder = BoxEncoder(in_channels, cfg)
        self.selection = MilHead(cfg.hidden_channels, num_classes)
        self.refinement = MilHead(cfg.hidden_channels, num_classes) if cfg.refinement else None

    def forward(
        self,
        features: Sequence[Tensor],
        bags: Bags,
        image_sizes: Tensor,
        generator: torch.Generator | None = None,
        avoid: Tensor | None = None,
    ) -> Selection:
        """Select and, in training mode, compute the losses.

        Args:
            features: pyramid levels, P2 first, (B, D, h, w) of strides 4, 8, 16, ...
            bags: N bags of K proposals; N = 0 is fine.
            image_sizes: (B, 2) height and width of each image's content, input frame.
            generator: draws the negatives; None for the global one.
            avoid: (B, h, w) bool on the stride-4 grid, regions that no negative may show, such as
                objects that nobody clicked; None for none.

        Returns:
            The selection. Its losses: `loss_selection`; with refinement also
            `loss_refinement_positive` and, unless negatives are off, `loss_refinement_negative`.
            With one category and negatives, also `loss_selection_negative`.
        """
        levels = [level.float() for level in features]
        inputs = Inputs(levels, bags, image_sizes, bag_membership(bags, self.cfg), avoid)
        first = self.select(inputs)
        second = self.refine(inputs, first)
        losses = self.losses(inputs, first, second, generator) if self.training else {}
        return self.choose(inputs, first, second, losses)

    def select(self, inputs: Inputs) -> FirstStage:
        """Score the proposals of each bag (PSM), with guidance."""
        bags = inputs.bags
        hidden = self._encode(inputs, bags.boxes, bags.mask_crops)
        guidance = guide(bags, self.cfg.guidance)
        logits: MilLogits = self.selection(hidden)
        voters = inputs.membership.voters
        scores = score_bags(*logits, voters, self.first_activation, guidance)
        chosen_by = self._choosing_scores(scores, bags.labels, bags.own_scores)
        return FirstStage(hidden, guidance, logits, chosen_by)

    def refine(self, inputs: Inputs, first: FirstStage) -> SecondStage | None:
        """Score each bag again (PRM) with positives round its best box (PPG); None without PRM."""
        if self.refinement is None:
            return None
        bags, membership, cfg = inputs.bags, inputs.membership, self.cfg
        choice = self._choice(inputs, first)
        sizes = inputs.image_sizes[bags.image_index]
        positives = sample_positives(choice, sizes, cfg.positives)
        jittered = self._encode(inputs, positives.boxes, positives.crops)
        enriched = membership.enriched(positives.boxes.shape[1])
        logits: MilLogits = self.refinement(torch.cat([first.hidden, jittered], 1))
        scores = score_bags(*logits, enriched.voters, "sigmoid")
        own_scores = choice.own_scores[:, None].expand(positives.boxes.shape[:2])
        chosen_by = self._choosing_scores(
            scores, bags.labels, torch.cat([bags.own_scores, own_scores], 1)
        )
        boxes = torch.cat([bags.boxes, positives.boxes], 1)
        return SecondStage(choice, boxes, enriched.members, logits, chosen_by)

    def losses(
        self,
        inputs: Inputs,
        first: FirstStage,
        second: SecondStage | None,
        generator: torch.Generator | None,
    ) -> dict[str, Tensor]:
        """Compute the losses of both stages; the members' scores serve them alone."""
        bags, cfg = inputs.bags, self.cfg
        bag_scores = score_bags(
            *first.logits, inputs.membership.members, self.first_activation, first.guidance
        ).bags
        loss = bag_loss(bag_scores, bags.labels, _count(bags.num_objects, bag_scores))
        losses = {"loss_selection": cfg.selection_weight * loss}
        weights = label_scores(bag_scores, bags.labels).detach()
        if second is not None:
            refined = score_bags(*second.logits, second.members, "sigmoid").bags
            num_objects = _count(bags.num_objects, refined)
            loss = positive_loss(refined, bags.labels, weights, num_objects)
            losses["loss_refinement_positive"] = cfg.refinement_alpha * loss
        if cfg.negatives.enabled and (second is not None or self.has_one_class):
            losses |= self._negative_losses(inputs, first, second, weights, generator)
        return losses

    def choose(
        self,
        inputs: Inputs,
        first: FirstStage,
        second: SecondStage | None,
        losses: dict[str, Tensor],
    ) -> Selection:
        """Choose by consensus; without it by the best box of the last stage, mined (BMS)."""
        bags, members = inputs.bags, inputs.membership.members
        if second is None:
            stages = first.scores[:, None]
        else:
            stages = torch.stack([first.scores, second.scores[:, : bags.num_proposals]], 1)
        scores = stages[:, -1]
        if self.cfg.consensus.enabled:
            scores = self._agreement(inputs, stages)
            index, boxes = choose_boxes(bags.boxes, scores, members)
        elif second is None:
            index, boxes = choose_boxes(bags.boxes, scores, members, self.cfg.top_k)
        else:
            _, boxes = choose_boxes(second.boxes, second.scores, second.members)
            index, boxes = self._settle(bags, boxes, scores, members)
        return Selection(index, boxes, scores, stages, members, losses)

    def _choice(self, inputs: Inputs, first: FirstStage) -> Choice:
        """Choose the proposals round which positives and in which parts are sampled.

        Where the proposer's scores count, and with one category, the first stage chooses by
        consensus as the last one does: what it has learned alone is a poor start there.
        """
        scores, consensus = first.scores, self.cfg.consensus
        if consensus.enabled and (consensus.prior_power or self.has_one_class):
            scores = self._agreement(inputs, scores[:, None])
        members = inputs.membership.members
        return choose_proposals(inputs.bags, scores, members, first.guidance, self.cfg.top_k)

    def _encode(self, inputs: Inputs, boxes: Tensor, crops: Tensor) -> Tensor:
        """Encode (N, Q, 4) boxes with (N, Q, 7, 7) crops to (N, Q, hidden_channels)."""
        images = inputs.bags.image_index[:, None].expand(boxes.shape[:2]).flatten()
        hidden: Tensor = self.encoder(
            inputs.features, boxes.flatten(0, 1), images, crops.flatten(0, 1)
        )
        return hidden.view(*boxes.shape[:2], hidden.shape[1])

    def _choosing_scores(self, scores: BagScores, labels: Tensor, own_scores: Tensor) -> Tensor:
        """Return scores at the label times powers of the proposer's own scores; no gradient."""
        chosen_by = selection_scores(scores.proposals, labels).detach()
        return chosen_by * own_scores**self.cfg.own_score_power

    def _agreement(self, inputs: Inputs, stages: Tensor) -> Tensor:
        """Return the expected IoU (N, K) of each member with the voters, by all stages' scores.

        Where the proposer's scores count, members alone vote. A mask that holds a rival click may
        have the best own score of all, and would then decide which of the others resembles it.
        """
        bags, membership, cfg = inputs.bags, inputs.membership, self.cfg.consensus
        voters = membership.members if cfg.prior_power else membership.voters
        expected = expected_iou(bags.masks, join_stages(stages), voters, cfg, bags.own_scores)
        return expected * membership.members

    def _settle(
        self, bags: Bags, boxes: Tensor, scores: Tensor, members: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mine the refined boxes among the best original proposals, and map them to masks."""
        cfg = self.cfg
        if cfg.mining.enabled:
            order, _ = rank_proposals(scores, members)
            best = order[:, : cfg.mining.top_k]
            candidates = bags.boxes.take_along_dim(best[..., None], dim=1)
            boxes = mine_boxes(boxes, candidates, members.gather(1, best), cfg.mining)
        deciding = scores if cfg.mask_crops else None
        index = boxes_to_proposals(boxes, bags.boxes, deciding, members, cfg.near_tie_margin)
        return index, boxes

    def _negative_losses(
        self,
        inputs: Inputs,
        first: FirstStage,
        second: SecondStage | None,
        weights: Tensor,
        generator: torch.Generator | None,
    ) -> dict[str, Tensor]:
        """Compute the losses of the negatives in each stage that learns from them."""
        bags, cfg = inputs.bags, self.cfg
        if second is None:
            choice = self._choice(inputs, first)
            positives = bags.boxes
        else:
            choice, positives = second.choice, second.boxes
        negatives = sample_negatives(
            bags, positives, choice, inputs.image_sizes, cfg.negatives, generator
        )
        if inputs.avoid is not None:
            limit = cfg.negatives.background_iou
            negatives = clear_of_regions(negatives, inputs.avoid, limit)
        hidden = self.encoder(
            inputs.features, negatives.boxes, negatives.image_index, negatives.crops
        )
        number = _count(len(negatives.boxes), weights)
        losses = {}
        if self.refinement is not None:
            mean_weight = mean_over_ranks(weights.sum()) / _count(len(weights), weights)
            loss = negative_loss(self.refinement.classes(hidden), mean_weight, number)
            losses["loss_refinement_negative"] = (1 - cfg.refinement_alpha) * loss
        if self.has_one_class:
            loss = negative_loss(self.selection.classes(hidden), 1.0, number)
            losses["loss_selection_negative"] = cfg.selection_weight * loss
        return losses


def _count(number: int, like: Tensor) -> Tensor:
    """Return the divisor of a sum over `number` things, all ranks considered."""
    return global_mean_count(like.new_tensor(number))
