"""The grid head: a dynamic kernel and class logits of each cell (SOLOv2)."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sapnet.segmentation.coordinates import NUM_COORDINATES, coordinate_maps
from sapnet.segmentation.layers import (
    conv_norm_relu,
    init_conv_weights,
    resize_bilinear,
    spatial_size,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sapnet.segmentation.config import SOLOv2Config

CLASS_PRIOR = 0.01
"""Class score of an untrained cell; keeps the focal loss small at the start (RetinaNet)."""


class SOLOv2Head(nn.Module):
    """Two convolution towers over S x S grids; the weights serve all levels.

    Args:
        num_classes: C.
        in_channels: channels of the features P2..P6.
        cfg: the network's settings.
    """

    def __init__(self, num_classes: int, in_channels: int, cfg: SOLOv2Config) -> None:
        super().__init__()
        self.grids = cfg.grids
        self.kernel_tower = _tower(in_channels + NUM_COORDINATES, cfg)
        self.class_tower = _tower(in_channels, cfg)
        self.kernel_output = nn.Conv2d(cfg.channels, cfg.mask_feature_channels, 3, padding=1)
        self.class_output = nn.Conv2d(cfg.channels, num_classes, 3, padding=1)
        init_conv_weights(self)
        prior_logit = -log((1 - CLASS_PRIOR) / CLASS_PRIOR)
        nn.init.constant_(self.class_output.bias, prior_logit)  # type: ignore[arg-type]  # is set

    def forward(self, features: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Predict kernels and class logits of every cell.

        Args:
            features: P2..P6, each (B, in_channels, h, w).

        Returns:
            Grid kernels (B, E, S, S) and grid class logits (B, C, S, S) of each level.
        """
        kernels, class_logits = [], []
        for grid, level in zip(self.grids, level_inputs(features), strict=False):
            # Resized apart, so that no large map is copied for two more channels.
            size = (grid, grid)
            cells = resize_bilinear(level, size).contiguous()
            coordinates = resize_bilinear(coordinate_maps(level), size).expand(
                len(cells), -1, -1, -1
            )
            with_coordinates = torch.cat([cells, coordinates], dim=1)
            kernels.append(self.kernel_output(self.kernel_tower(with_coordinates)))
            class_logits.append(self.class_output(self.class_tower(cells)))
        return tuple(kernels), tuple(class_logits)


def level_inputs(features: Sequence[Tensor]) -> list[Tensor]:
    """Bring P2..P6 to the strides 8, 8, 16, 32, 32 at which the towers read them.

    Args:
        features: P2..P6, each (B, X, h, w).

    Returns:
        P2 reduced to the size of P3, P3, P4, P5, and P6 enlarged to the size of P5.
    """
    p2, p3, p4, p5, p6 = features
    return [
        resize_bilinear(p2, spatial_size(p3)),
        p3,
        p4,
        p5,
        resize_bilinear(p6, spatial_size(p5)),
    ]


def _tower(in_channels: int, cfg: SOLOv2Config) -> nn.Sequential:
    widths = [in_channels] + [cfg.channels] * cfg.stacked_convs
    return nn.Sequential(
        *(conv_norm_relu(before, after, cfg.norm_groups) for before, after in pairwise(widths))
    )
