"""The whole inference as one module, and the facts about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from sapnet.network.exporting.facts import ExportedFacts

if TYPE_CHECKING:
    from sapnet.network.model import Network


class InferenceGraph(nn.Module):
    """Padding, normalisation, network, Matrix NMS and masks of one image.

    Args:
        network: a trained network with a segmenter; it is shared, not copied.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self._divisor = network.settings.augment.pad_divisor
        self._segmenter = network.segmenter

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Segment an image.

        Args:
            images: (1, 3, H, W) uint8 RGB of any height and width.

        Returns:
            boxes (N, 4), scores (N,), labels (N,) and masks (N, h, w), see `FixedInstances`; boxes
            end at the image.
        """
        height, width = images.shape[2], images.shape[3]
        right, bottom = (-width) % self._divisor, (-height) % self._divisor
        padded = functional.pad(images.float(), (0, right, 0, bottom))
        found = self._segmenter.fixed(self.network.features(padded))
        x1, y1, x2, y2 = found.boxes.unbind(dim=1)
        boxes = torch.stack(
            [x1.clamp(max=width), y1.clamp(max=height), x2.clamp(max=width), y2.clamp(max=height)],
            dim=1,
        )
        return boxes, found.scores, found.labels, found.masks


def facts_of(network: Network) -> ExportedFacts:
    """Collect the facts about a network with a segmenter."""
    augment, fixed = network.settings.augment, network.segmenter
    return ExportedFacts(
        categories=network.categories,
        mean=tuple(network.backbone.mean.flatten().tolist()),
        std=tuple(network.backbone.std.flatten().tolist()),
        short_side=max(augment.short_sides),
        max_long_side=augment.max_long_side,
        pad_divisor=augment.pad_divisor,
        mask_threshold=fixed.mask_threshold,
        num_instances=fixed.num_fixed,
        bits=augment.bits,
        tile=augment.tile,
        overlap=augment.overlap,
        bands=augment.bands,
    )
