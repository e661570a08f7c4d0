"""Placement of masks in their image: of a crop, by run lengths, and of all on one map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import decode_masks, rle_areas, to_rle

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


def place_mask(crop: np.ndarray, corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Place the crop of a mask in its image; parts outside of the image are cut off.

    Args:
        crop: (h, w); non-zero is foreground.
        corner: (x, y) of the crop's top left pixel.
        size: (height, width) of the image.

    Returns:
        Run lengths of the image's size.
    """
    height, width = size
    left, top = corner
    x, y = max(left, 0), max(top, 0)
    inside = crop[y - top : max(height - top, 0), x - left : max(width - left, 0)] != 0
    # The runs of the columns, without the pixels of the whole image, which may be huge.
    columns = np.pad(inside.T, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(columns, axis=1)
    (column, first), (_, end) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    bounds = (np.stack([first, end], 1) + ((x + column) * height + y)[:, None]).ravel()
    joined = 2 * np.flatnonzero(bounds[1:-1:2] == bounds[2::2])  # runs from column to column
    bounds = np.delete(bounds, np.concatenate([joined + 1, joined + 2]))
    counts = np.diff(np.concatenate([[0], bounds, [height * width]])).tolist()
    counts = counts if counts[-1] else counts[:-1]
    return to_rle({"size": [height, width], "counts": counts}, height, width)


def number_masks(rles: Sequence[RLE], size: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """Draw masks on one map, on which each pixel belongs to one of them.

    Args:
        rles: N run lengths; where they overlap, the smaller one is on top.
        size: (height, width) of the image.

    Returns:
        The number of the mask at each pixel, (H, W) int32, counted from 1, 0 for none; and the
        indices of the masks that are hidden wholly, ascending.
    """
    numbers = np.zeros(size, np.int32)
    for index in np.argsort(-rle_areas(rles), kind="stable").tolist():
        numbers[decode_masks([rles[index]])[0] != 0] = index + 1
    seen = set(np.unique(numbers).tolist())
    return numbers, [index for index in range(len(rles)) if index + 1 not in seen]
