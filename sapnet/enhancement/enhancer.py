"""The enhancer's network: a backbone, a pyramid and two MIL stages over boxes (P2BNet).

The coarse stage scores anchors around the click and merges the best ones. The refinement scores
boxes around that one and merges the best ones. Both learn from the categories of the clicks alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbones.backbone import Backbone
from sapnet.enhancement.bags import (
    anchor_boxes,
    jittered_boxes,
    mostly_inside,
    rival_holders,
)
from sapnet.geometry.boxes import points_in_boxes
from sapnet.selection.choosing import choose_boxes
from sapnet.selection.heads import BoxEncoder, MilHead
from sapnet.selection.losses import bag_loss, global_mean_count, negative_loss, positive_loss
from sapnet.selection.sampling import sample_background, sample_parts
from sapnet.selection.scoring import (
    BagScores,
    label_scores,
    narrow_bags,
    score_bags,
    selection_scores,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.enhancement.click_batch import ClickBatch
    from sapnet.enhancement.config import EnhancerConfig
    from sapnet.selection.heads import MilLogits


@dataclass(frozen=True)
class Enhancement:
    """Estimated boxes for the clicks of a batch.

    Attributes:
        boxes: (N, 4) xyxy, input frame; each holds its click.
        scores: (N,) in [0, 1], confidence that the box shows the category of the click.
    """

    boxes: Tensor
    scores: Tensor


class Enhancer(nn.Module):
    """The enhancer network: boxes from clicks.

    Args:
        num_classes: C, without background.
        cfg: the network; weights are random after construction.
    """

    def __init__(self, num_classes: int, cfg: EnhancerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.backbone = Backbone(cfg.network().backbone_config)
        self.fpn = FeaturePyramidNetwork(
            self.backbone.channels, cfg.fpn_channels, extra_blocks=LastLevelMaxPool()
        )
        self.encoder = BoxEncoder(cfg.fpn_channels, cfg.encoding())
        self.coarse = MilHead(cfg.hidden_channels, num_classes)
        self.refinement = MilHead(cfg.hidden_channels, num_classes)

    def forward(
        self, batch: ClickBatch, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Compute the losses of one batch.

        Args:
            batch: images with N clicks; N = 0 is fine.
            generator: draws the negatives; None for the global one.

        Returns:
            Scalar float32 tensors, already weighted: `loss_coarse`, `loss_positive` and, unless
            negatives are off, `loss_negative`.
        """
        features, sizes = self._features(batch), batch.image_sizes[batch.image_index]
        anchors = self._anchors(batch, sizes)
        hidden = self._encode(features, anchors, batch.image_index)
        coarse_boxes, first = self._coarse_boxes(anchors, hidden, batch)
        jittered = self._jittered(coarse_boxes, sizes)
        second = self._refined_scores(features, jittered, batch)
        losses = self._bag_losses(first, second, batch)
        if self.cfg.negatives.enabled:
            weights = label_scores(first.bags, batch.labels).detach()
            negatives = self._negatives(batch, jittered, coarse_boxes, generator)
            losses["loss_negative"] = self._negative_loss(features, *negatives, weights)
        return losses

    @torch.no_grad()
    def estimate(self, batch: ClickBatch) -> Enhancement:
        """Estimate a box for each click.

        Args:
            batch: images with N clicks; N = 0 is fine.
        """
        features, sizes = self._features(batch), batch.image_sizes[batch.image_index]
        anchors = self._anchors(batch, sizes)
        hidden = self._encode(features, anchors, batch.image_index)
        if self.cfg.choice == "p2bnet":
            coarse_boxes, _ = self._coarse_boxes(anchors, hidden, batch)
            jittered = self._jittered(coarse_boxes, sizes)
            scores = self._refined_scores(features, jittered, batch)
            members = self._members(jittered, batch, without_rivals=False)
            boxes = self._merge(jittered, scores, members, batch.labels)
        else:
            coarse_boxes = self._widest(anchors, hidden, batch)
            jittered = self._jittered(coarse_boxes, sizes)
            hidden = self._encode(features, jittered, batch.image_index)
            boxes = self._widest(jittered, hidden, batch)
        hidden = self._encode(features, boxes[:, None], batch.image_index)
        return Enhancement(boxes, self._class_scores(hidden, batch.labels)[:, 0])

    @property
    def _as_published(self) -> bool:
        return self.cfg.bags == "p2bnet"

    def _anchors(self, batch: ClickBatch, sizes: Tensor) -> Tensor:
        return anchor_boxes(batch.points, sizes, self.cfg.anchors, centered=self._as_published)

    def _jittered(self, boxes: Tensor, sizes: Tensor) -> Tensor:
        return jittered_boxes(boxes, None if self._as_published else sizes, self.cfg.jitter)

    def _features(self, batch: ClickBatch) -> list[Tensor]:
        """Compute the pyramid levels of the images, P2 first."""
        named = {str(i): f for i, f in enumerate(self.backbone(batch.images))}
        return [level.float() for level in self.fpn(named).values()]

    def _coarse_boxes(
        self, anchors: Tensor, hidden: Tensor, batch: ClickBatch
    ) -> tuple[Tensor, BagScores]:
        """Return the (N, 4) boxes of the first stage, and its scores."""
        members = self._members(anchors, batch, without_rivals=self.cfg.anchors.exclude_rivals)
        logits: MilLogits = self.coarse(hidden)
        scores = score_bags(*logits, members, "softmax")
        return self._merge(anchors, scores, members, batch.labels), scores

    def _refined_scores(
        self, features: Sequence[Tensor], boxes: Tensor, batch: ClickBatch
    ) -> BagScores:
        """Compute the scores of the second stage."""
        members = self._members(boxes, batch, without_rivals=False)
        logits: MilLogits = self.refinement(self._encode(features, boxes, batch.image_index))
        return score_bags(*logits, members, "sigmoid")

    def _widest(self, boxes: Tensor, hidden: Tensor, batch: ClickBatch) -> Tensor:
        """Merge the boxes that are large and still show the category to (N, 4)."""
        members = self._members(boxes, batch, without_rivals=self.cfg.anchors.exclude_rivals)
        areas = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
        short_sides = batch.image_sizes.amin(1)[batch.image_index]
        extents = areas.sqrt() / short_sides[:, None]
        scores = self._class_scores(hidden, batch.labels) * extents**self.cfg.extent_power
        return choose_boxes(boxes, scores, members, self.cfg.top_k)[1]

    def _class_scores(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """Return the class scores of the second stage at each bag's label: (N, K) in [0, 1]."""
        return selection_scores(self.refinement.classes(hidden).sigmoid(), labels)

    def _members(self, boxes: Tensor, batch: ClickBatch, *, without_rivals: bool) -> Tensor:
        """Return the boxes of each bag that may be chosen: (N, K) bool."""
        members = (boxes[..., :2] < boxes[..., 2:]).all(-1)
        if self._as_published:
            sizes = batch.image_sizes[batch.image_index]
            unfit = ~mostly_inside(boxes, sizes)
        else:
            unfit = ~points_in_boxes(batch.points[:, None], boxes)
        members = narrow_bags(members, [unfit])
        if not without_rivals:
            return members
        rivals = rival_holders(boxes, batch.points, batch.labels, batch.image_index)
        return narrow_bags(members, [rivals])

    def _encode(self, features: Sequence[Tensor], boxes: Tensor, image_index: Tensor) -> Tensor:
        """Encode (N, K, 4) boxes to (N, K, hidden_channels)."""
        flat = boxes.flatten(0, 1)
        images = image_index[:, None].expand(boxes.shape[:2]).flatten()
        no_crops = flat.new_empty(len(flat), 0)
        hidden: Tensor = self.encoder(features, flat, images, no_crops)
        return hidden.view(*boxes.shape[:2], hidden.shape[1])

    def _merge(self, boxes: Tensor, scores: BagScores, members: Tensor, labels: Tensor) -> Tensor:
        """Merge the best boxes of each bag at its label to (N, 4); no gradient."""
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
        """Draw (M, 4) background and part boxes, and return their (M,) images."""
        cfg, device = self.cfg.negatives, bags.device
        sizes, image_index = batch.image_sizes, batch.image_index
        shape = (len(sizes), cfg.num_random, 4)
        uniforms = torch.rand(shape, generator=generator, device=device)
        boxes, counts = sample_background(uniforms, sizes, bags, image_index, cfg)
        uniforms = torch.rand((len(bags), cfg.num_parts, 5), generator=generator, device=device)
        min_area = (cfg.min_part_side * sizes.amin(1)[image_index]) ** 2
        parts, part_counts = sample_parts(uniforms, coarse_boxes, min_area, cfg)
        images = torch.cat([counts.nonzero()[:, 0], image_index[part_counts.nonzero()[:, 0]]])
        return torch.cat([boxes[counts], parts[part_counts]]), images

    def _negative_loss(
        self, features: Sequence[Tensor], boxes: Tensor, images: Tensor, weights: Tensor
    ) -> Tensor:
        hidden = self.encoder(features, boxes, images, boxes.new_empty(len(boxes), 0))
        number = len(weights) if self._as_published else len(boxes)
        count = global_mean_count(weights.new_tensor(number))
        mean_weight = weights.sum() / global_mean_count(weights.new_tensor(len(weights)))
        loss = negative_loss(self.refinement.classes(hidden), mean_weight, count)
        return (1 - self.cfg.alpha) * loss
