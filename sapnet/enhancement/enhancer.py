"""The enhancer's network: a backbone, a pyramid and two MIL stages over boxes (P2BNet).

Coarse stage: anchors round the click -> the best ones merged. Refinement: boxes jittered round that
one -> the best ones merged. Both learn from the clicks' categories alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbone import Backbone
from sapnet.enhancement.bags import anchor_boxes, jittered_boxes, rival_holders
from sapnet.geometry.boxes import points_in_boxes
from sapnet.selection.choose import choose_boxes
from sapnet.selection.heads import BoxEncoder, MilHead
from sapnet.selection.losses import bag_loss, global_mean_count, negative_loss, positive_loss
from sapnet.selection.sampling import sample_background, sample_parts
from sapnet.selection.scoring import (
    BagScores,
    label_scores,
    leave_out,
    score_bags,
    selection_scores,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.enhancement.batch import ClickBatch
    from sapnet.enhancement.config import EnhancerConfig
    from sapnet.selection.heads import MilLogits


@dataclass(frozen=True)
class Enhancement:
    """A box for each click of a batch.

    Attributes:
        boxes: (N, 4) xyxy, input frame.
        scores: (N,) in [0, 1], how much the box's bag shows the click's category.
        coarse_boxes: (N, 4) xyxy, what the first stage led to.
        losses: scalar float32 tensors by name, already weighted; empty outside training.
    """

    boxes: Tensor
    scores: Tensor
    coarse_boxes: Tensor
    losses: dict[str, Tensor]


class Enhancer(nn.Module):
    """Clicks in, boxes out.

    Args:
        num_classes: C, without background.
        cfg: the network; weights are random after construction.
    """

    def __init__(self, num_classes: int, cfg: EnhancerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.backbone = Backbone(cfg.network())
        self.fpn = FeaturePyramidNetwork(
            self.backbone.channels, cfg.fpn_channels, extra_blocks=LastLevelMaxPool()
        )
        self.encoder = BoxEncoder(cfg.fpn_channels, cfg.encoding())
        self.coarse = MilHead(cfg.hidden_channels, num_classes)
        self.refinement = MilHead(cfg.hidden_channels, num_classes)

    def forward(self, batch: ClickBatch, generator: torch.Generator | None = None) -> Enhancement:
        """Boxes and, in training mode, the losses.

        Args:
            batch: images with N clicks; N = 0 is fine.
            generator: draws the negatives; None for the global one.

        Returns:
            The boxes. Losses: `loss_coarse`, `loss_positive` and, unless negatives are off,
            `loss_negative`.
        """
        cfg = self.cfg
        named = {str(i): f for i, f in enumerate(self.backbone(batch.images))}
        features = [level.float() for level in self.fpn(named).values()]
        sizes = batch.image_sizes[batch.image_index]

        anchors = anchor_boxes(batch.points, sizes, cfg.anchors)
        members = self._members(anchors, batch, without_rivals=cfg.anchors.exclude_rivals)
        hidden = self._encode(features, anchors, batch.image_index)
        logits: MilLogits = self.coarse(hidden)
        first = score_bags(*logits, members, "softmax")
        coarse_boxes = self._merge(anchors, first, members, batch.labels)

        jittered = jittered_boxes(coarse_boxes, sizes, cfg.jitter)
        members = self._members(jittered, batch, without_rivals=False)
        hidden = self._encode(features, jittered, batch.image_index)
        logits = self.refinement(hidden)
        second = score_bags(*logits, members, "sigmoid")
        boxes = self._merge(jittered, second, members, batch.labels)
        losses: dict[str, Tensor] = {}
        if self.training:
            losses = self._bag_losses(first, second, batch)
            if cfg.negatives.enabled:
                weights = label_scores(first.bags, batch.labels).detach()
                negatives = self._negatives(batch, jittered, coarse_boxes, generator)
                losses["loss_negative"] = self._negative_loss(features, *negatives, weights)
        scores = label_scores(second.bags, batch.labels).detach()
        return Enhancement(boxes, scores, coarse_boxes, losses)

    def _members(self, boxes: Tensor, batch: ClickBatch, *, without_rivals: bool) -> Tensor:
        """(N, K) bool: the boxes of each bag that may be chosen; they hold their click."""
        members = (boxes[..., :2] < boxes[..., 2:]).all(-1)
        members = leave_out(members, ~points_in_boxes(batch.points[:, None], boxes))
        if not without_rivals:
            return members
        rivals = rival_holders(boxes, batch.points, batch.labels, batch.image_index)
        return leave_out(members, rivals)

    def _encode(self, features: Sequence[Tensor], boxes: Tensor, image_index: Tensor) -> Tensor:
        """Encode (N, K, 4) boxes to (N, K, hidden_channels)."""
        flat = boxes.flatten(0, 1)
        images = image_index[:, None].expand(boxes.shape[:2]).flatten()
        no_crops = flat.new_empty(len(flat), 0)
        hidden: Tensor = self.encoder(features, flat, images, no_crops)
        return hidden.view(*boxes.shape[:2], hidden.shape[1])

    def _merge(self, boxes: Tensor, scores: BagScores, members: Tensor, labels: Tensor) -> Tensor:
        """(N, 4) the best boxes of each bag at its label as one; no gradient."""
        chosen_by = selection_scores(scores.proposals, labels).detach()
        return choose_boxes(boxes, chosen_by, members, self.cfg.top_k)[1]

    def _bag_losses(
        self, first: BagScores, second: BagScores, batch: ClickBatch
    ) -> dict[str, Tensor]:
        num_objects = global_mean_count(first.bags.new_tensor(len(batch.labels)))
        coarse = bag_loss(first.bags, batch.labels, num_objects)
        weights = label_scores(first.bags, batch.labels).detach()
        positive = positive_loss(second.bags, batch.labels, weights, num_objects)
        return {
            "loss_coarse": self.cfg.coarse_weight * coarse,
            "loss_positive": self.cfg.alpha * positive,
        }

    def _negatives(
        self,
        batch: ClickBatch,
        bags: Tensor,
        coarse_boxes: Tensor,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """(M, 4) background and part boxes, and their (M,) images."""
        cfg, device = self.cfg.negatives, bags.device
        sizes, image_index = batch.image_sizes, batch.image_index
        shape = (len(sizes), cfg.num_random, 4)
        uniforms = torch.rand(shape, generator=generator, device=device)
        boxes, counts = sample_background(uniforms, sizes, bags, image_index, cfg)
        uniforms = torch.rand((len(bags), cfg.num_parts, 4), generator=generator, device=device)
        min_area = (cfg.min_part_side * sizes.amin(1)[image_index]) ** 2
        parts, part_counts = sample_parts(uniforms, coarse_boxes, min_area, cfg)
        images = torch.cat([counts.nonzero()[:, 0], image_index[part_counts.nonzero()[:, 0]]])
        return torch.cat([boxes[counts], parts[part_counts]]), images

    def _negative_loss(
        self, features: Sequence[Tensor], boxes: Tensor, images: Tensor, weights: Tensor
    ) -> Tensor:
        hidden = self.encoder(features, boxes, images, boxes.new_empty(len(boxes), 0))
        count = global_mean_count(weights.new_tensor(len(boxes)))
        mean_weight = weights.sum() / global_mean_count(weights.new_tensor(len(weights)))
        loss = negative_loss(self.refinement.classes(hidden), mean_weight, count)
        return (1 - self.cfg.alpha) * loss
