"""Clipping of outlines that reach far beyond their image."""

from __future__ import annotations

import numpy as np

_MARGIN = 8


def clip_far(outline: np.ndarray, height: int, width: int) -> np.ndarray:
    """Clip an outline that reaches many times the image's size beyond the image.

    Filling takes time and memory by the length of an outline, so one wild corner costs gigabytes.
    The pixels inside the image stay the same but for the rounding of very long edges (Sutherland
    and Hodgman: the clipped outline runs along the frame where it left it).

    Args:
        outline: (V, 2) finite x, y in pixels.
        height: height of the image.
        width: width of the image.

    Returns:
        (V', 2) at most `_MARGIN` image sizes from the image; the same outline if it is not far,
        (0, 2) if nothing of it is near.
    """
    size = np.array([width, height], np.float64)
    low, high = -_MARGIN * size, (1 + _MARGIN) * size
    if ((outline >= low) & (outline <= high)).all():
        return outline
    corners = outline.astype(np.float64)
    for axis in (0, 1):
        corners = _clip_side(corners, axis, low[axis], 1)
        corners = _clip_side(corners, axis, high[axis], -1)
    return corners


def _clip_side(corners: np.ndarray, axis: int, bound: float, sign: int) -> np.ndarray:
    """Keep the part of an outline with sign * (coordinate - bound) >= 0."""
    if not len(corners):
        return corners
    before = np.roll(corners, 1, axis=0)
    inside, inside_before = (sign * (part[:, axis] - bound) >= 0 for part in (corners, before))
    crosses = inside != inside_before
    length = np.where(crosses, corners[:, axis] - before[:, axis], 1.0)
    share = ((bound - before[:, axis]) / length)[:, None]
    crossing = before + share * (corners - before)
    crossing[:, axis] = bound
    # Of every edge: the point where it crosses the bound, then its end, as far as they count.
    both = np.stack([crossing, corners], 1).reshape(-1, 2)
    kept = np.stack([crosses, inside], 1).ravel()
    clipped: np.ndarray = both[kept]
    return clipped
