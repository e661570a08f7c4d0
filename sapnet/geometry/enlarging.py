"""Run lengths of a reduced image at the size of the image, however large it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sapnet.geometry.rle import encode_masks
from sapnet.geometry.rle_windows import decode_crop, place_rle

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE

_REACH = 2
"""Pixels of the small mask round its box that the resampling looks at, and one more."""


def enlarge_rle(rle: RLE, size: tuple[int, int]) -> RLE:
    """Enlarge a mask, with smooth borders; only the part round its box is decoded.

    Args:
        rle: mask of a reduced image.
        size: (height, width) of the image, not smaller than the mask's.

    Returns:
        The mask of the image; it may be empty where the small one is a thin line.
    """
    small = (rle["size"][0], rle["size"][1])
    if small == size:
        return rle
    crop, (left, top) = decode_crop(rle)
    y, end_y = _span(top, top + crop.shape[0], small[0], size[0])
    x, end_x = _span(left, left + crop.shape[1], small[1], size[1])
    # With its surroundings: the resampling must see what it sees in the whole mask.
    y0, x0 = max(top - _REACH, 0), max(left - _REACH, 0)
    y1 = min(top + crop.shape[0] + _REACH, small[0])
    x1 = min(left + crop.shape[1] + _REACH, small[1])
    around = np.zeros((y1 - y0, x1 - x0), np.uint8)
    around[top - y0 : top - y0 + crop.shape[0], left - x0 : left - x0 + crop.shape[1]] = crop
    scale_y, scale_x = small[0] / size[0], small[1] / size[1]
    part = (x * scale_x - x0, y * scale_y - y0, end_x * scale_x - x0, end_y * scale_y - y0)
    resized = Image.fromarray(around * np.uint8(255)).resize(
        (end_x - x, end_y - y), Image.Resampling.BILINEAR, box=_inside(part, around.shape)
    )
    return place_rle(encode_masks((np.asarray(resized) > 127)[None])[0], (x, y), size)


def _span(start: int, stop: int, small: int, large: int) -> tuple[int, int]:
    """Return the pixels of the large side that those of the small side, and one more, come to."""
    scale = large / small
    return max(math.floor((start - 1) * scale), 0), min(math.ceil((stop + 1) * scale), large)


def _inside(
    part: tuple[float, float, float, float], shape: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """Return the part without what rounding put a hair outside of the pixels."""
    x1, y1, x2, y2 = part
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(shape[1])), min(y2, float(shape[0]))
