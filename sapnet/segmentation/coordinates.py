"""Coordinate channels, which let a convolution know where in the image it looks."""

from __future__ import annotations

import torch
from torch import Tensor

NUM_COORDINATES = 2
"""Channels of the coordinates."""


def coordinate_maps(features: Tensor) -> Tensor:
    """Make two channels for features: x and y from -1 (first pixel center) to 1 (last).

    Args:
        features: (B, X, h, w).

    Returns:
        (1, 2, h, w); x comes before y.
    """
    height, width = features.shape[-2:]
    x = torch.linspace(-1, 1, width, device=features.device, dtype=features.dtype)
    y = torch.linspace(-1, 1, height, device=features.device, dtype=features.dtype)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])[None]


def append_coordinates(features: Tensor) -> Tensor:
    """Append the coordinates to features.

    Args:
        features: (B, X, h, w).

    Returns:
        (B, X + 2, h, w).
    """
    coordinates = coordinate_maps(features).expand(len(features), -1, -1, -1)
    return torch.cat([features, coordinates], dim=1)
