"""The pixels of masks nearest to the middle of their box, from run lengths alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapnet.geometry.rle import foreground_runs, split_at_columns
from sapnet.structures.clicks import RLE

_CHUNK = 256  # masks whose runs are in memory at once


def middle_pixels(rles: Sequence[RLE]) -> np.ndarray:
    """Find the pixel of each mask that is nearest to the center of the mask's tight box.

    Of several equally near pixels, it is the one of the first row, and there of the first column.
    No mask is decoded: each column of a run offers its row that is nearest to the center.

    Args:
        rles: K run lengths of one size, none of them empty.

    Returns:
        (K, 2) int64 column and row.

    Raises:
        ValueError: run lengths do not cover their mask, or a mask is empty.
    """
    found = [_middles(rles[start : start + _CHUNK]) for start in range(0, len(rles), _CHUNK)]
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _middles(rles: Sequence[RLE]) -> np.ndarray:
    strips = split_at_columns(foreground_runs(rles), rles[0]["size"][0])
    first = np.flatnonzero(np.diff(strips.mask_index, prepend=-1))
    if len(first) != len(rles):
        raise ValueError("expected masks with at least one pixel, found an empty one")
    counts = np.diff(first, append=len(strips.column))
    # Twice the coordinates, so that centers of pixels and boxes are whole numbers.
    middle_x = np.minimum.reduceat(strips.column, first)
    middle_x = middle_x + np.maximum.reduceat(strips.column, first) + 1
    middle_y = np.minimum.reduceat(strips.top, first) + np.maximum.reduceat(strips.bottom, first)
    nearest = np.repeat((middle_y - 1) // 2, counts)
    row = np.clip(nearest, strips.top, strips.bottom - 1)
    x = 2 * strips.column + 1 - np.repeat(middle_x, counts)
    y = 2 * row + 1 - np.repeat(middle_y, counts)
    distance = x**2 + y**2
    is_nearest = distance == np.repeat(np.minimum.reduceat(distance, first), counts)
    mask, column, row = (v[is_nearest] for v in (strips.mask_index, strips.column, row))
    order = np.lexsort((column, row, mask))
    kept = order[np.flatnonzero(np.diff(mask[order], prepend=-1))]
    return np.stack([column[kept], row[kept]], 1)
