"""Pyramid: a backbone and its feature pyramid as one part, for segmenters without own."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from sapnet.backbones.backbone import Backbone

if TYPE_CHECKING:
    from sapnet.backbones.config import BackboneConfig


NUM_LEVELS = 5
"""Levels P2..P6."""

LEAST_GROUP = 8
"""Least channels of a group that is normalised together, as in 32 groups of 256."""


class Pyramid(nn.Module):
    """Backbone and feature pyramid, each level normalised.

    Heads without norms of their own need it: some backbones give features of a size of 30, with
    which the first loss was 47.

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
        groups = math.gcd(channels, max(1, channels // LEAST_GROUP))
        self.norms = nn.ModuleList(nn.GroupNorm(groups, channels) for _ in range(NUM_LEVELS))
        self.out_channels = channels

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Compute the features of a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255, sides divisible by 32.

        Returns:
            P2..P6, strides 4 to 64, each (B, channels, h, w), named "0" to "4".
        """
        named = OrderedDict((str(i), f) for i, f in enumerate(self.backbone(images)))
        levels = self.fpn(named).values()
        normed = (norm(level) for norm, level in zip(self.norms, levels, strict=True))
        return OrderedDict((str(i), level) for i, level in enumerate(normed))
