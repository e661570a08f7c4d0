"""Shapes that tools draw, as outlines and boxes: rotated rectangles, ellipses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sapnet.data.formats.marks import Box, Point

ELLIPSE_CORNERS = 64
"""An ellipse's outline; at 64 corners it misses 0.2 % of the area."""


def rotated_rectangle(
    corner: Point, width: float, height: float, degrees: float, pivot: Point
) -> tuple[Point, ...]:
    """Corners of a rectangle turned clockwise, as seen with y pointing down.

    Args:
        corner: its top left corner before the turn.
        width: before the turn.
        height: before the turn.
        degrees: clockwise.
        pivot: the point that stays (Label Studio: the corner itself; CVAT: the centre).

    Returns:
        Four (x, y).
    """
    x, y = corner
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    return turned(corners, degrees, pivot)


def ellipse(centre: Point, radii: Point, degrees: float = 0.0) -> tuple[Point, ...]:
    """Corners on an ellipse whose axes are turned clockwise.

    Args:
        centre: (x, y).
        radii: along x and y before the turn.
        degrees: clockwise.

    Returns:
        `ELLIPSE_CORNERS` (x, y).
    """
    angles = np.arange(ELLIPSE_CORNERS) * (2 * math.pi / ELLIPSE_CORNERS)
    points = np.stack([np.cos(angles) * radii[0], np.sin(angles) * radii[1]], 1) + centre
    return turned([(x, y) for x, y in points.tolist()], degrees, centre)


def turned(points: Sequence[Point], degrees: float, pivot: Point) -> tuple[Point, ...]:
    """Points turned clockwise round a pivot, as seen with y pointing down."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    moved = np.asarray(points, np.float64) - pivot
    result = moved @ np.array([[cosine, sine], [-sine, cosine]]) + pivot
    return tuple((x, y) for x, y in result.tolist())


def bounding_box(points: Sequence[Point]) -> Box:
    """The upright xyxy box round points."""
    (x1, y1), (x2, y2) = np.min(points, axis=0).tolist(), np.max(points, axis=0).tolist()
    return x1, y1, x2, y2
