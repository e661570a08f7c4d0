"""Conversion of coordinates from a stored image to its upright frame, by EXIF orientation.

An orientation says how to mirror and turn the stored pixels so that the image is upright. Sizes are
(height, width), points (x, y), boxes xyxy pixel edges.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

UPRIGHT = 1
"""The orientation that does not move the pixels."""

_SWAPS_AXES = frozenset({5, 6, 7, 8})
_MIRRORS_X = frozenset({2, 3, 7, 8})
_MIRRORS_Y = frozenset({3, 4, 6, 7})
"""Orientations that mirror a stored axis, before the axes are swapped (EXIF 2.3, tag 0x0112)."""


def oriented_size(stored_size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the size of the upright image.

    Args:
        stored_size: (height, width) of the pixels in the file.
        orientation: EXIF orientation, 1..8.

    Returns:
        (height, width) after the turn.
    """
    height, width = stored_size
    return (width, height) if orientation in _SWAPS_AXES else (height, width)


def orient_points(
    points: np.ndarray | Sequence[Sequence[float]], stored_size: tuple[int, int], orientation: int
) -> np.ndarray:
    """Convert points of the stored frame to the upright frame.

    Args:
        points: (N, 2) x, y; pixel centers are at .5, so a pixel's center stays a pixel's center.
        stored_size: (height, width) of the pixels in the file.
        orientation: EXIF orientation, 1..8.

    Returns:
        (N, 2) float64 x, y.

    Raises:
        ValueError: the orientation is not 1..8.
    """
    if orientation not in range(1, 9):
        raise ValueError(f"expected an EXIF orientation from 1 to 8, found {orientation}")
    height, width = stored_size
    moved = np.array(points, np.float64).reshape(-1, 2)
    if orientation in _MIRRORS_X:
        moved[:, 0] = width - moved[:, 0]
    if orientation in _MIRRORS_Y:
        moved[:, 1] = height - moved[:, 1]
    return moved[:, ::-1].copy() if orientation in _SWAPS_AXES else moved


def orient_box(
    box: Sequence[float], stored_size: tuple[int, int], orientation: int
) -> tuple[float, float, float, float]:
    """Convert a box of the stored frame to the upright frame.

    Args:
        box: xyxy pixel edges.
        stored_size: (height, width) of the pixels in the file.
        orientation: EXIF orientation, 1..8.

    Returns:
        xyxy pixel edges.
    """
    corners = orient_points([box[:2], box[2:]], stored_size, orientation)
    (x1, y1), (x2, y2) = corners.min(0).tolist(), corners.max(0).tolist()
    return x1, y1, x2, y2


def orient_mask(mask: np.ndarray, orientation: int) -> np.ndarray:
    """Convert a mask of the stored frame to the upright frame.

    Args:
        mask: (H, W) mask of the stored pixels, or (H, W, 3) pixels.
        orientation: EXIF orientation, 1..8.

    Returns:
        The turned mask, of the upright image's height and width; a view.
    """
    if orientation in _MIRRORS_X:
        mask = mask[:, ::-1]
    if orientation in _MIRRORS_Y:
        mask = mask[::-1]
    return mask.swapaxes(0, 1) if orientation in _SWAPS_AXES else mask
