"""Mask R-CNN of torchvision (arXiv:1703.06870) on batches of sapnet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from sapnet.segmentation.original.pasting import paste_masks
from sapnet.segmentation.others.config import BUILDERS
from sapnet.segmentation.others.pixels import Normalisation
from sapnet.structures.outputs import Predictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.segmentation.config import PredictConfig
    from sapnet.structures.batch import InstanceTargets

NUM_ROI_LEVELS = 4
"""Levels of the pyramid, finest first, that boxes read their features from."""

WIDTH_OF_BOX_HEAD = 4
"""Channels of the box head by channels of the pyramid: 1024 by 256 as published."""

ASPECTS = (0.5, 1.0, 2.0)
"""Heights by widths of the anchors, as published."""

FROZEN = ("backbone.body.conv1", "backbone.body.bn1", "backbone.body.layer1")
"""Parts of a trained ResNet that are not trained any further, as torchvision's recipe has it."""


class MaskRCNN(nn.Module):
    """Mask R-CNN: proposals of boxes, their classes, and a mask in each box.

    Args:
        model: torchvision's network; its own resizing and normalising is left out.
        cfg: most instances, least score and mask threshold of predictions.
        normalisation: of the pixels; None where the backbone normalises them itself.
        keeps_norms: True if all batch norms keep their statistics and factors.
    """

    def __init__(
        self,
        model: nn.Module,
        cfg: PredictConfig,
        normalisation: Normalisation | None = None,
        *,
        keeps_norms: bool = False,
    ) -> None:
        super().__init__()
        self.model: Any = model
        self.normalisation = normalisation
        self._cfg = cfg
        self._frozen_norms = (
            [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)] if keeps_norms else []
        )
        for norm in self._frozen_norms:
            norm.requires_grad_(requires_grad=False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set the training mode; frozen norms stay in evaluation mode."""
        super().train(mode)
        for norm in self._frozen_norms:
            norm.eval()
        return self

    @property
    def encoder(self) -> nn.Module:
        """Backbone and pyramid."""
        backbone: nn.Module = self.model.backbone
        return backbone

    def losses(
        self, images: Tensor, image_sizes: Tensor, targets: InstanceTargets
    ) -> dict[str, Tensor]:
        """Compute the losses of boxes, classes and masks; see `Segmenter.losses`."""
        features, listed = self._features(images, image_sizes)
        wanted = _targets_by_image(targets, len(images))
        proposals, losses = self.model.rpn(listed, features, wanted)
        _, own = self.model.roi_heads(features, proposals, listed.image_sizes, wanted)
        return {name: loss.float() for name, loss in {**losses, **own}.items()}

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        image_sizes: Tensor,
        original_sizes: Tensor,
        classes: Sequence[Tensor] | None = None,
    ) -> list[Predictions]:
        """Segment images; see `Segmenter.predict`."""
        features, listed = self._features(images, image_sizes)
        proposals, _ = self.model.rpn(listed, features)
        found, _ = self.model.roi_heads(features, proposals, listed.image_sizes)
        predictions = []
        for index, one in enumerate(found):
            labels = one["labels"] - 1  # 0 is the background
            kept = torch.ones_like(labels, dtype=torch.bool)
            if classes is not None:
                kept = torch.isin(labels, classes[index])
            masks = paste_masks(
                one["masks"][kept, 0],
                one["boxes"][kept],
                listed.image_sizes[index],
                (int(original_sizes[index, 0]), int(original_sizes[index, 1])),
                self._cfg.mask_threshold,
            )
            predictions.append(Predictions(masks, labels[kept], one["scores"][kept].float()))
        return predictions

    def _features(self, images: Tensor, image_sizes: Tensor) -> tuple[dict[str, Tensor], Any]:
        """Compute the pyramid, and list the images as torchvision wants them."""
        from torchvision.models.detection.image_list import ImageList

        pixels = images if self.normalisation is None else self.normalisation(images, image_sizes)
        sizes = [(height, width) for height, width in image_sizes.tolist()]
        return self.model.backbone(pixels), ImageList(pixels, sizes)


def _targets_by_image(targets: InstanceTargets, num_images: int) -> list[dict[str, Tensor]]:
    wanted = []
    for index in range(num_images):
        own = targets.image_index == index
        wanted.append(
            {
                "boxes": targets.boxes[own],
                "labels": targets.labels[own] + 1,  # 0 is the background
                "masks": targets.masks[own],
            }
        )
    return wanted


def build_on_pyramid(
    pyramid: nn.Module, num_classes: int, anchors: Sequence[int], cfg: PredictConfig
) -> MaskRCNN:
    """Build a Mask R-CNN with random weights on a backbone and its pyramid.

    The heads are as wide, compared to the pyramid, as the published ones.

    Args:
        pyramid: maps images to P2..P6 by name, "0" first; `out_channels` are their channels.
        num_classes: C.
        anchors: side of the anchors of each level, pixels.
        cfg: settings of predictions.
    """
    from torchvision.models.detection import mask_rcnn
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.models.detection.rpn import AnchorGenerator
    from torchvision.ops import MultiScaleRoIAlign

    channels = int(pyramid.out_channels)  # type: ignore[arg-type]
    width = WIDTH_OF_BOX_HEAD * channels
    names = [str(level) for level in range(NUM_ROI_LEVELS)]
    box_pool, mask_pool = (MultiScaleRoIAlign(names, size, sampling_ratio=2) for size in (7, 14))
    model = mask_rcnn.MaskRCNN(
        pyramid,
        rpn_anchor_generator=AnchorGenerator(
            tuple((side,) for side in anchors), (ASPECTS,) * len(anchors)
        ),
        box_roi_pool=box_pool,
        box_head=TwoMLPHead(channels * 7 * 7, width),
        box_predictor=FastRCNNPredictor(width, num_classes + 1),
        mask_roi_pool=mask_pool,
        mask_head=mask_rcnn.MaskRCNNHeads(channels, (channels,) * 4, 1),
        mask_predictor=mask_rcnn.MaskRCNNPredictor(channels, channels, num_classes + 1),
        **_limits(cfg),
    )
    return MaskRCNN(model, cfg)


def build_published(builder: str, num_classes: int, cfg: PredictConfig) -> MaskRCNN:
    """Build a network that torchvision has weights for.

    Stem, first stage and norms are frozen.

    Args:
        builder: one of `BUILDERS`.
        num_classes: C.
        cfg: settings of predictions.
    """
    from torchvision.models import detection

    make: Any = getattr(detection, builder)
    model = make(
        weights=None,
        weights_backbone=None,
        num_classes=num_classes + 1,
        **_limits(cfg),
    )
    for name, parameter in model.named_parameters():
        if name.startswith(FROZEN):
            parameter.requires_grad_(requires_grad=False)
    if builder == BUILDERS[0]:
        # Its weights were trained without the small number that norms add to variances.
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 0.0
    return MaskRCNN(model, cfg, Normalisation(), keeps_norms=True)


def _limits(cfg: PredictConfig) -> dict[str, Any]:
    return {
        "box_detections_per_img": cfg.max_instances,
        "box_score_thresh": cfg.filter_threshold,
    }
