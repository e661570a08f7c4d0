"""The windows and bands of images that a network's input is of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sapnet.data.tiles.grid import Parts

if TYPE_CHECKING:
    from sapnet.batches.config import AugmentConfig


def parts_of(augment: AugmentConfig) -> Parts:
    """Return the windows and bands that settings name.

    Raises:
        ValueError: a setting makes no sense.
    """
    return Parts.of(augment.tile, augment.overlap, augment.bands)


def with_parts(augment: AugmentConfig, parts: Parts) -> AugmentConfig:
    """Return the settings with other windows and bands."""
    tiling = parts.tiling
    return replace(
        augment,
        tile=None if tiling is None else tiling.size,
        overlap=None if tiling is None else tiling.overlap,
        bands=parts.bands or None,
    )
