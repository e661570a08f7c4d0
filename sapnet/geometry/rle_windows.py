"""Run lengths of windows of an image, cut out of it and placed in it, however large it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import (
    decode_masks,
    foreground_runs,
    normalise_rle,
    rle_boxes,
    split_at_columns,
)

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


def cut_rle(rle: RLE, corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Cut a window out of a mask; see `cut_rles`."""
    return cut_rles([rle], corner, size)[0]


def cut_rles(
    rles: Sequence[RLE], corner: tuple[int, int], size: tuple[int, int]
) -> tuple[RLE, ...]:
    """Cut a window out of masks.

    Args:
        rles: K masks of one image.
        corner: (x, y) of the window's top left pixel, inside of the image.
        size: (height, width) of the window.

    Returns:
        K masks of the window.
    """
    return _moved(rles, (-corner[0], -corner[1]), size)


def place_rle(rle: RLE, corner: tuple[int, int], size: tuple[int, int]) -> RLE:
    """Place the mask of a window in its image; see `place_rles`."""
    return place_rles([rle], corner, size)[0]


def place_rles(
    rles: Sequence[RLE], corner: tuple[int, int], size: tuple[int, int]
) -> tuple[RLE, ...]:
    """Place the masks of a window in its image.

    Args:
        rles: K masks of the window.
        corner: (x, y) of the window's top left pixel.
        size: (height, width) of the image; what lies outside of it is cut off.

    Returns:
        K masks of the image.
    """
    return _moved(rles, corner, size)


def _moved(rles: Sequence[RLE], shift: tuple[int, int], size: tuple[int, int]) -> tuple[RLE, ...]:
    """Move masks of one size by (x, y) pixels into a frame of another size (height, width)."""
    if not rles:
        return ()
    height, width = size
    strips = split_at_columns(foreground_runs(rles), rles[0]["size"][0])
    column = strips.column + shift[0]
    top = np.clip(strips.top + shift[1], 0, height)
    bottom = np.clip(strips.bottom + shift[1], 0, height)
    kept = (column >= 0) & (column < width) & (bottom > top)
    owner = strips.mask_index[kept]
    first = column[kept] * height
    start, stop = first + top[kept], first + bottom[kept]
    # Runs of a mask that go on in the next column are one.
    goes_on = (stop[:-1] == start[1:]) & (owner[:-1] == owner[1:])
    begins = np.concatenate([[True], ~goes_on])[: len(owner)]
    ends = np.concatenate([~goes_on, [True]])[: len(owner)]
    bounds = np.stack([start[begins], stop[ends]], 1)
    places = np.searchsorted(owner[begins], np.arange(len(rles) + 1))
    return _encoded([bounds[first:last].ravel() for first, last in pairwise(places)], size)


def _encoded(bounds: Sequence[np.ndarray], size: tuple[int, int]) -> tuple[RLE, ...]:
    """Encode masks whose runs are known.

    Args:
        bounds: of each of K masks the (2R,) ascending first and last + 1 pixels of its R runs,
            counted down the columns.
        size: (height, width).

    Returns:
        K run lengths.
    """
    from faster_coco_eval.core import mask as mask_api

    pixels = size[0] * size[1]
    counts = [np.diff(found, prepend=0, append=pixels) for found in bounds]
    entries = [
        {"size": list(size), "counts": (found if found[-1] else found[:-1]).tolist()}
        for found in counts
    ]
    return (
        tuple(normalise_rle(rle) for rle in mask_api.frPyObjects(entries, *size)) if entries else ()
    )


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
