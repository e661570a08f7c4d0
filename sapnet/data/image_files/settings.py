"""Checks of the settings with which images are read; imports no heavy library."""

from __future__ import annotations

from collections.abc import Sequence

from sapnet.data.image_files.address import check_bands

MOST_BITS = 16
"""Bits of an integer channel in image files."""


def check_reading(
    bits: int | None, max_pixels: int | None, bands: Sequence[int] | None = None
) -> None:
    """Check the settings with which images are read.

    Args:
        bits: bit depth of the data set; None if it is found.
        max_pixels: most pixels of an image; None for Pillow's limit.
        bands: numbers of the bands that are read, from 1 on; None for the files' own.

    Raises:
        ValueError: one makes no sense.
    """
    if bits is not None and not 1 <= bits <= MOST_BITS:
        raise ValueError(f"bits: expected 1 to {MOST_BITS}, found {bits}")
    if max_pixels is not None and max_pixels < 1:
        raise ValueError(f"max_pixels: expected at least 1, found {max_pixels}")
    check_bands(bands or ())
