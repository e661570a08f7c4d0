"""The mask feature branch: one stride-4 map on which all dynamic kernels act."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from sapnet.segmentation.coordinates import NUM_COORDINATES, append_coordinates
from sapnet.segmentation.layers import (
    conv_norm_relu,
    init_conv_weights,
    resize_bilinear,
    spatial_size,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.segmentation.config import SOLOv2Config

CONVS_PER_LEVEL = (1, 1, 2, 3)
"""Convolutions on P2..P5: P2 keeps its size, the others are enlarged by 2 after each."""


class MaskFeatureBranch(nn.Module):
    """Merges P2..P5 into the mask features.

    Args:
        in_channels: channels of the features P2..P5.
        cfg: the network's settings.
    """

    def __init__(self, in_channels: int, cfg: SOLOv2Config) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        for level, num_convs in enumerate(CONVS_PER_LEVEL):
            is_coarsest = level == len(CONVS_PER_LEVEL) - 1
            first = in_channels + NUM_COORDINATES if is_coarsest else in_channels
            widths = [first] + [cfg.mask_branch_channels] * num_convs
            self.levels.append(
                nn.ModuleList(
                    conv_norm_relu(before, after, cfg.norm_groups)
                    for before, after in pairwise(widths)
                )
            )
        self.output = conv_norm_relu(
            cfg.mask_branch_channels, cfg.mask_feature_channels, cfg.norm_groups, kernel_size=1
        )
        init_conv_weights(self)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Compute the mask features.

        Args:
            features: P2..P5, each (B, in_channels, h, w).

        Returns:
            (B, E, h, w) of P2's size, not negative.
        """
        p2, p3, p4, p5 = features
        # Enlarging is linear, so the levels are summed at stride 8 and enlarged to stride 4 once.
        at_stride_8 = self._convolve(1, [p3])
        at_stride_8 = at_stride_8 + self._convolve(2, [p4, p3])
        at_stride_8 = at_stride_8 + self._convolve(3, [append_coordinates(p5), p4, p3])
        merged = self._convolve(0, [p2]) + resize_bilinear(at_stride_8, spatial_size(p2))
        mask_features: Tensor = self.output(merged)
        return mask_features

    def _convolve(self, level: int, maps: Sequence[Tensor]) -> Tensor:
        """Convolve the first map, enlarging to each next map's size before the next convolution."""
        first, *others = self.levels[level].children()
        convolved: Tensor = first(maps[0])
        for conv, finer in zip(others, maps[1:], strict=True):
            convolved = conv(resize_bilinear(convolved, spatial_size(finer)))
        return convolved
