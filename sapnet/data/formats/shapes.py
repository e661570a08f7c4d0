"""Conversion of shapes (turned rectangles, ellipses, crops) to outlines and masks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sapnet.data.formats.points import Box, Point

ELLIPSE_CORNERS = 64
"""Corners of an ellipse's outline; with 64 corners it misses 0.2 % of the area."""


def rotated_rectangle(
    corner: Point, width: float, height: float, degrees: float, pivot: Point
) -> tuple[Point, ...]:
    """Return the corners of a rectangle that is turned clockwise (with y pointing down).

    Args:
        corner: top left corner before the turn.
        width: width before the turn.
        height: height before the turn.
        degrees: clockwise angle.
        pivot: the fixed point (Label Studio: the corner itself; CVAT: the center).

    Returns:
        Four (x, y).
    """
    x, y = corner
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return turned(corners, degrees, pivot)


def ellipse(centre: Point, radii: Point, degrees: float = 0.0) -> tuple[Point, ...]:
    """Return corners on an ellipse whose axes are turned clockwise.

    Args:
        centre: (x, y) of the center.
        radii: radii along x and y before the turn.
        degrees: clockwise angle.

    Returns:
        `ELLIPSE_CORNERS` (x, y).
    """
    angles = np.arange(ELLIPSE_CORNERS) * (2 * math.pi / ELLIPSE_CORNERS)
    points = np.stack([np.cos(angles) * radii[0], np.sin(angles) * radii[1]], 1) + centre
    return turned([(x, y) for x, y in points.tolist()], degrees, centre)


def turned(points: Sequence[Point], degrees: float, pivot: Point) -> tuple[Point, ...]:
    """Turn points clockwise around a pivot (with y pointing down)."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    moved = np.asarray(points, np.float64) - pivot
    result = moved @ np.array([[cosine, sine], [-sine, cosine]]) + pivot
    return tuple((x, y) for x, y in result.tolist())


def bounding_box(points: Sequence[Point]) -> Box:
    """Return the upright xyxy box around points."""
    (x1, y1), (x2, y2) = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
    return x1, y1, x2, y2
