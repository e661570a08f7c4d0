"""Pyramid: a backbone and its feature pyramid as one part, for segmenters that bring no own."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbones.backbone import Backbone

if TYPE_CHECKING:
    from sapnet.backbones.config import BackboneConfig


class Pyramid(nn.Module):
    """Backbone and feature pyramid.

    Args:
        cfg: the backbone.
        channels: of each level.
    """

    def __init__(self, cfg: BackboneConfig, channels: int) -> None:
        super().__init__()
        self.backbone = Backbone(cfg)
        self.fpn = FeaturePyramidNetwork(
            self.backbone.channels, channels, extra_blocks=LastLevelMaxPool()
        )
        self.out_channels = channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Compute the features of a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.

        Returns:
            P2..P6, strides 4 to 64, each (B, channels, h, w), named "0" to "4".
        """
        named = OrderedDict((str(i), f) for i, f in enumerate(self.backbone(images)))
        return OrderedDict((str(i), f) for i, f in enumerate(self.fpn(named).values()))
