"""Pascal VOC's color map, and the numbers of objects and classes in its mask images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

BACKGROUND, VOID = 0, 255
"""Numbers of pixels that belong to no object; void is mostly the border of objects."""

_NUM_COLORS = 256
GRAY_MODES = ("P", "L", "1", "I", "I;16")
"""Modes of images whose pixels are numbers already."""


def color_map() -> np.ndarray:
    """Return VOC's 256 colors.

    The bits of a number, taken three at a time from the lowest, are the bits of red, green and blue
    from the highest (`VOClabelcolormap` of the VOC development kit).

    Returns:
        (256, 3) int64 red, green and blue.
    """
    colors = np.zeros((_NUM_COLORS, 3), np.int64)
    numbers = np.arange(_NUM_COLORS)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((numbers >> (3 * bit + channel)) & 1) << (7 - bit)
    return colors


def color_codes(colors: np.ndarray) -> np.ndarray:
    """Return one number for each color.

    Args:
        colors: (..., 3) red, green and blue.

    Returns:
        (...) int64, red in the highest byte.
    """
    wide = colors.astype(np.int64)
    codes: np.ndarray = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    return codes


def read_mask_image(path: Path) -> Image.Image:
    """Read a mask image.

    Raises:
        ValueError: the file is no image that can be read.
    """
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path}: expected a png of masks, but it cannot be read ({error}). Export it again."
        ) from error


def object_numbers(image: Image.Image) -> np.ndarray:
    """Return the number of the object at each pixel of a `SegmentationObject` image.

    Images with a palette or in gray hold the numbers themselves, as VOC's own do. In images in
    color, as CVAT and Datumaro write them, each color of the color map is its number, and any other
    color is an object of its own.

    Args:
        image: the mask image.

    Returns:
        (H, W) integers; 0 for the background and 255 for void, from 256 on for other colors.
    """
    if image.mode in GRAY_MODES:
        return np.asarray(image).astype(np.int64)
    codes = color_codes(np.asarray(image.convert("RGB")))
    known = color_codes(color_map())
    order = np.argsort(known)
    found, places = np.unique(codes, return_inverse=True)
    nearest = order[np.minimum(np.searchsorted(known[order], found), _NUM_COLORS - 1)]
    is_known = known[nearest] == found
    others = _NUM_COLORS + np.cumsum(~is_known) - 1
    numbers: np.ndarray = np.where(is_known, nearest, others)[places].reshape(codes.shape)
    return numbers
