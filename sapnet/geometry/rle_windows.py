"""Run lengths of windows of an image, cut out of it and placed in it, however large it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import (
    decode_masks,
    foreground_runs,
    rle_boxes,
    split_at_columns,
    to_rle,
)

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


def cut_rle(rle: RLE, corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Cut a window out of a mask.

    Args:
        rle: mask of an image.
        corner: (x, y) of the window's top left pixel, inside of the image.
        size: (height, width) of the window.

    Returns:
        The mask of the window.
    """
    return _moved(rle, (-corner[0], -corner[1]), size)


def place_rle(rle: RLE, corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Place the mask of a window in its image.

    Args:
        rle: mask of the window.
        corner: (x, y) of the window's top left pixel.
        size: (height, width) of the image; what lies outside of it is cut off.

    Returns:
        The mask of the image.
    """
    return _moved(rle, corner, size)


def _moved(rle: RLE, shift: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Move a mask by (x, y) pixels into a frame of another size (height, width)."""
    height, width = size
    strips = split_at_columns(foreground_runs([rle]), rle["size"][0])
    column = strips.column + shift[0]
    top = np.clip(strips.top + shift[1], 0, height)
    bottom = np.clip(strips.bottom + shift[1], 0, height)
    kept = (column >= 0) & (column < width) & (bottom > top)
    bounds = (np.stack([top, bottom], 1)[kept] + column[kept, None] * height).ravel()
    # Runs that go on in the next column are one.
    joined = 2 * np.flatnonzero(bounds[1:-1:2] == bounds[2::2])
    bounds = np.delete(bounds, np.concatenate([joined + 1, joined + 2]))
    counts = np.diff(np.concatenate([[0], bounds, [height * width]])).tolist()
    counts = counts if counts[-1] else counts[:-1]
    return to_rle({"size": [height, width], "counts": counts}, height, width)


def decode_crop(rle: RLE) -> tuple[np.ndarray, tuple[int, int]]:
    """Decode the pixels of a mask inside of its tight box alone.

    Args:
        rle: a mask of an image of any size.

    Returns:
        (h, w) uint8 0/1 and the (x, y) of its top left pixel; (0, 0) for an empty mask.
    """
    x1, y1, x2, y2 = (int(side) for side in rle_boxes([rle])[0])
    if x2 <= x1 or y2 <= y1:
        return np.zeros((0, 0), np.uint8), (0, 0)
    return decode_masks([cut_rle(rle, (x1, y1), (y2 - y1, x2 - x1))])[0], (x1, y1)
