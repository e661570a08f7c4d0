"""The selection branch: from the bags of a batch to one proposal per object, and the losses.

It reads as the paper's figure: selection scores (PSM, with guidance) -> best box -> positives
(PPG) and negatives (NPG) -> refinement scores (PRM) -> best box -> box mining (BMS) -> nearest
proposal. With consensus, the scores of both stages weigh the proposals and the one that agrees most
with them is chosen instead. Everything is computed for all objects of the batch at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from sapnet.selection.box_mining import mine_boxes
from sapnet.selection.choose import choose_boxes
from sapnet.selection.consensus import expected_iou
from sapnet.selection.enrichment import choose_proposals, sample_negatives, sample_positives
from sapnet.selection.guidance import guide
from sapnet.selection.heads import BoxEncoder, MilHead
from sapnet.selection.losses import bag_loss, global_mean_count, negative_loss, positive_loss
from sapnet.selection.mapping import boxes_to_proposals, rank_proposals
from sapnet.selection.scoring import (
    BagScores,
    bag_members,
    bag_voters,
    join_stages,
    label_scores,
    score_bags,
    selection_scores,
)
from sapnet.structures.outputs import Selection
from sapnet.system.ranks import mean_over_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sapnet.selection.config import SelectionConfig
    from sapnet.selection.enrichment import Negatives
    from sapnet.selection.heads import MilLogits
    from sapnet.structures.batch import Bags


class SelectionBranch(nn.Module):
    """Chooses the proposal that shows each object, and learns to from clicks alone.

    Args:
        num_classes: C, without background.
        in_channels: D of the pyramid levels.
        cfg: the parts of the method.
    """

    def __init__(self, num_classes: int, in_channels: int, cfg: SelectionConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.encoder = BoxEncoder(in_channels, cfg)
        self.selection = MilHead(cfg.hidden_channels, num_classes)
        self.refinement = MilHead(cfg.hidden_channels, num_classes) if cfg.refinement else None

    def forward(
        self,
        features: Sequence[Tensor],
        bags: Bags,
        image_sizes: Tensor,
        generator: torch.Generator | None = None,
    ) -> Selection:
        """Select and, in training mode, compute the losses.

        Args:
            features: pyramid levels, P2 first, (B, D, h, w) of strides 4, 8, 16, ...
            bags: N bags of K proposals; N = 0 is fine.
            image_sizes: (B, 2) height and width of each image's content, input frame.
            generator: draws the negatives; None for the global one.

        Returns:
            The selection. Its losses: `loss_selection`; with refinement also
            `loss_refinement_positive` and, unless negatives are off, `loss_refinement_negative`.
        """
        features = [level.float() for level in features]
        voters = bag_voters(bags, self.cfg)
        members = bag_members(bags, self.cfg)
        hidden = self._encode(features, bags.boxes, bags.mask_crops, bags.image_index)
        guidance = guide(bags, self.cfg.guidance)
        logits: MilLogits = self.selection(hidden)
        first = score_bags(*logits, members, "softmax", guidance)
        asked = score_bags(*logits, voters, "softmax", guidance)
        scores = self._choosing_scores(asked, bags.labels, bags.own_scores)
        found = self._selection_loss(first, bags) if self.training else {}
        if self.refinement is None:
            stages = scores[:, None]
            if self.cfg.consensus.enabled:
                return self._agree(bags, voters, members, stages, found)
            index, boxes = choose_boxes(bags.boxes, scores, members, self.cfg.top_k)
            return Selection(index, boxes, scores, stages, found)

        choice = choose_proposals(bags, scores, members, guidance, self.cfg.top_k)
        positives = sample_positives(choice, image_sizes[bags.image_index], self.cfg.positives)
        jittered = self._encode(features, positives.boxes, positives.crops, bags.image_index)
        enriched_boxes = torch.cat([bags.boxes, positives.boxes], 1)
        own_scores = choice.own_scores[:, None].expand(positives.boxes.shape[:2])
        enriched_members = torch.cat([members, members.new_ones(own_scores.shape)], 1)
        logits = self.refinement(torch.cat([hidden, jittered], 1))
        second = score_bags(*logits, enriched_members, "sigmoid")
        enriched_voters = torch.cat([voters, voters.new_ones(own_scores.shape)], 1)
        asked = score_bags(*logits, enriched_voters, "sigmoid")
        refined_scores = self._choosing_scores(
            asked, bags.labels, torch.cat([bags.own_scores, own_scores], 1)
        )
        if self.training:
            weights = label_scores(first.bags, bags.labels).detach()
            found |= self._positive_loss(second, bags, weights)
            if self.cfg.negatives.enabled:
                negatives = sample_negatives(
                    bags, enriched_boxes, choice, image_sizes, self.cfg.negatives, generator
                )
                found |= self._negative_loss(self.refinement, features, negatives, weights)
        stages = torch.stack([scores, refined_scores[:, : bags.num_proposals]], 1)
        if self.cfg.consensus.enabled:
            return self._agree(bags, voters, members, stages, found)
        _, boxes = choose_boxes(enriched_boxes, refined_scores, enriched_members)
        return self._settle(bags, members, boxes, stages, found)

    def _encode(
        self, features: Sequence[Tensor], boxes: Tensor, crops: Tensor, image_index: Tensor
    ) -> Tensor:
        """Encode (N, Q, 4) boxes with (N, Q, 7, 7) crops to (N, Q, hidden_channels)."""
        images = image_index[:, None].expand(boxes.shape[:2]).flatten()
        hidden: Tensor = self.encoder(features, boxes.flatten(0, 1), images, crops.flatten(0, 1))
        return hidden.view(*boxes.shape[:2], hidden.shape[1])

    def _choosing_scores(self, scores: BagScores, labels: Tensor, own_scores: Tensor) -> Tensor:
        """Scores at the label times the proposer's own scores to their power; no gradient."""
        chosen_by = selection_scores(scores.proposals, labels).detach()
        return chosen_by * own_scores**self.cfg.own_score_power

    def _agree(
        self,
        bags: Bags,
        voters: Tensor,
        members: Tensor,
        stages: Tensor,
        found: dict[str, Tensor],
    ) -> Selection:
        """Choose the member that agrees most with the voters, weighted by all stages' scores."""
        scores = join_stages(stages)
        expected = expected_iou(bags.masks, scores, voters, self.cfg.consensus) * members
        index, boxes = choose_boxes(bags.boxes, expected, members)
        return Selection(index, boxes, expected, stages, found)

    def _settle(
        self, bags: Bags, members: Tensor, boxes: Tensor, stages: Tensor, found: dict[str, Tensor]
    ) -> Selection:
        """Mine the refined boxes among the best original proposals, and map them to masks."""
        cfg, scores = self.cfg, stages[:, -1]
        if cfg.mining.enabled:
            order, _ = rank_proposals(scores, members)
            best = order[:, : cfg.mining.top_k]
            candidates = bags.boxes.take_along_dim(best[..., None], dim=1)
            boxes = mine_boxes(boxes, candidates, cfg.mining, members.gather(1, best))
        index = boxes_to_proposals(
            boxes, bags.boxes, members, scores if cfg.mask_crops else None, cfg.near_tie_margin
        )
        return Selection(index, boxes, scores, stages, found)

    def _selection_loss(self, first: BagScores, bags: Bags) -> dict[str, Tensor]:
        loss = bag_loss(first.bags, bags.labels, _count(bags.num_objects, first.bags))
        return {"loss_selection": self.cfg.selection_weight * loss}

    def _positive_loss(self, second: BagScores, bags: Bags, weights: Tensor) -> dict[str, Tensor]:
        num_objects = _count(bags.num_objects, second.bags)
        loss = positive_loss(second.bags, bags.labels, weights, num_objects)
        return {"loss_refinement_positive": self.cfg.refinement_alpha * loss}

    def _negative_loss(
        self,
        refinement: MilHead,
        features: Sequence[Tensor],
        negatives: Negatives,
        weights: Tensor,
    ) -> dict[str, Tensor]:
        hidden = self.encoder(features, negatives.boxes, negatives.image_index, negatives.crops)
        mean_weight = mean_over_ranks(weights.sum()) / _count(len(weights), weights)
        num_negatives = _count(len(negatives.boxes), weights)
        loss = negative_loss(refinement.classes(hidden), mean_weight, num_negatives)
        return {"loss_refinement_negative": (1 - self.cfg.refinement_alpha) * loss}


def _count(number: int, like: Tensor) -> Tensor:
    """What a sum over `number` things is divided by, all ranks considered."""
    return global_mean_count(like.new_tensor(number))
