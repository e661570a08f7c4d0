"""The kinds of parts that objects consist of: a shape, a texture and two colors each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

Shape = Literal["disk", "square", "triangle", "bar", "star", "hexagon", "cross", "halfdisk"]
Texture = Literal["stripes", "checks", "dots", "gradient", "noise", "plain"]

ROUND_VERTICES = 28


@dataclass(frozen=True)
class PartKind:
    """One kind of part.

    Attributes:
        shape: shape of the outline.
        texture: pattern that mixes the two colors.
        hue: hue of the colors, 0..1 around the color circle.
        saturation: saturation of both colors, 0..1.
        values: brightness of the dark and the light color, 0..1.
    """

    shape: Shape
    texture: Texture
    hue: float
    saturation: float
    values: tuple[float, float]


PART_KINDS = (
    PartKind("disk", "stripes", 0.00, 0.85, (0.50, 0.95)),
    PartKind("square", "checks", 0.62, 0.80, (0.45, 0.95)),
    PartKind("triangle", "plain", 0.15, 0.85, (0.80, 1.00)),
    PartKind("bar", "gradient", 0.35, 0.80, (0.35, 0.85)),
    PartKind("star", "noise", 0.08, 0.90, (0.65, 1.00)),
    PartKind("hexagon", "dots", 0.80, 0.65, (0.45, 0.95)),
    PartKind("cross", "stripes", 0.50, 0.75, (0.50, 0.95)),
    PartKind("halfdisk", "checks", 0.10, 0.12, (0.25, 0.95)),
)


@lru_cache
def part_outline(shape: Shape) -> np.ndarray:
    """Return the outline of a shape, star-shaped about the origin and inside the unit circle.

    Returns:
        (V, 2) float64 vertices (x, y), read-only.
    """
    match shape:
        case "disk":
            outline = _on_circle(ROUND_VERTICES, 0.0)
        case "square":
            outline = _on_circle(4, np.pi / 4)
        case "triangle":
            outline = _on_circle(3, 0.0)
        case "hexagon":
            outline = _on_circle(6, 0.0)
        case "bar":
            outline = np.array([(-0.93, -0.34), (0.93, -0.34), (0.93, 0.34), (-0.93, 0.34)])
        case "star":
            outline = _on_circle(10, 0.0) * np.where(np.arange(10) % 2, 0.5, 1.0)[:, None]
        case "cross":
            arm = np.array([(0.93, -0.35), (0.93, 0.35), (0.35, 0.35)])
            turn = np.array([(0.0, 1.0), (-1.0, 0.0)])
            outline = np.concatenate([arm @ np.linalg.matrix_power(turn, k) for k in range(4)])
        case "halfdisk":
            angles = np.linspace(-np.pi / 2, np.pi / 2, ROUND_VERTICES // 2)
            outline = np.stack([np.cos(angles) - 0.4, np.sin(angles)], axis=1)
            outline /= np.linalg.norm(outline, axis=1).max()
    outline.setflags(write=False)
    return outline


def _on_circle(num_vertices: int, phase: float) -> np.ndarray:
    """Return (V, 2) vertices of a regular polygon on the unit circle, from `phase` on."""
    angles = phase + 2 * np.pi * np.arange(num_vertices) / num_vertices
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def radius_along(outline: np.ndarray, angle: float) -> float:
    """Return the distance from the origin to the outline in the direction `angle` (radians).

    Args:
        outline: (V, 2) vertices of a polygon that is star-shaped about the origin.
        angle: direction of the ray.
    """
    direction = np.array([np.cos(angle), np.sin(angle)])
    start, end = outline, np.roll(outline, -1, axis=0)
    edge = end - start
    # Solve t * direction = start + s * edge for every edge; a hit has 0 <= s <= 1 and t > 0.
    determinant = direction[0] * -edge[:, 1] + direction[1] * edge[:, 0]
    determinant = np.where(np.abs(determinant) < 1e-12, np.nan, determinant)
    distance = (edge[:, 0] * start[:, 1] - edge[:, 1] * start[:, 0]) / determinant
    along = (direction[0] * start[:, 1] - direction[1] * start[:, 0]) / determinant
    hits = (along >= -1e-9) & (along <= 1 + 1e-9) & (distance > 0)
    return float(np.max(distance[hits], initial=0.0))
