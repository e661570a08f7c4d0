"""Coordinate channels, which let a convolution know where in the image it looks."""

from __future__ import annotations

import torch
from torch import Tensor

NUM_COORDINATES = 2
"""Channels that `append_coordinates` adds."""


def append_coordinates(features: Tensor) -> Tensor:
    """Append x and y as two channels, each from -1 (first pixel centre) to 1 (last one).

    Args:
        features: (B, X, h, w).

    Returns:
        (B, X + 2, h, w); x comes before y.
    """
    batch, _, height, width = features.shape
    x = torch.linspace(-1, 1, width, device=features.device, dtype=features.dtype)
    y = torch.linspace(-1, 1, height, device=features.device, dtype=features.dtype)
    x_map = x.expand(batch, 1, height, width)
    y_map = y[:, None].expand(batch, 1, height, width)
    return torch.cat([features, x_map, y_map], dim=1)
