"""Sprites: one object or shape, rasterized in its own frame before it is placed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from sapnet.data.synthetic.classes import ArrangedPart, ObjectClass
from sapnet.data.synthetic.parts import PART_KINDS, part_outline

ROTATION = 25 * np.pi / 180
"""Largest rotation of an object from its class's upright pose."""

STRETCH = 0.15
"""Largest relative change of an object's aspect."""

PART_JITTER = 0.1
"""Largest relative change of a part's radius."""


@dataclass(frozen=True)
class PartFrame:
    """Position of a part on its sprite, for its texture: center (x, y), radius, angle; pixels."""

    kind: int
    center: tuple[float, float]
    radius: float
    angle: float


@dataclass(frozen=True)
class Sprite:
    """A rasterized object.

    Attributes:
        label: class index.
        part_map: (h, w) uint8, 1 + index of the part visible at the pixel, 0 outside; tight.
        frames: the parts' frames in sprite pixels, in the order of the indices.
    """

    label: int
    part_map: np.ndarray
    frames: tuple[PartFrame, ...]


def draw_sprite(
    label: int, parts: tuple[ArrangedPart, ...], longest_side: float, rng: np.random.Generator
) -> Sprite:
    """Rasterize parts in a random pose.

    Args:
        label: class index of the sprite.
        parts: its parts in the class's frame.
        longest_side: length of the sprite's longest side, pixels.
        rng: random generator of mirroring, rotation, stretch and the sizes of the parts.
    """
    turn = rng.uniform(-ROTATION, ROTATION)
    stretch = 1 + rng.uniform(-STRETCH, STRETCH)
    mirror = rng.choice((-1.0, 1.0))
    cosine, sine = np.cos(turn), np.sin(turn)
    pose = np.array([(cosine, sine), (-sine, cosine)]) @ np.diag((mirror * stretch, 1 / stretch))
    radii = np.array([part.radius for part in parts])
    radii *= 1 + rng.uniform(-PART_JITTER, PART_JITTER, len(parts))
    outlines = [_outline(part, radius) @ pose for part, radius in zip(parts, radii, strict=True)]

    vertices = np.concatenate(outlines)
    low, extent = vertices.min(axis=0), np.ptp(vertices, axis=0)
    scale = longest_side / extent.max()
    width, height = (max(1, round(float(side))) for side in extent * scale)
    # Half a pixel keeps the outermost vertices inside the last pixel row and column.
    canvas = Image.new("L", (width, height))
    pen = ImageDraw.Draw(canvas)
    for index, outline in enumerate(outlines):
        corners = (outline - low) * scale - 0.5
        pen.polygon([(float(x), float(y)) for x, y in corners], fill=index + 1)
    centers = (np.array([part.center for part in parts]) @ pose - low) * scale
    frames = tuple(
        PartFrame(part.kind, (float(x), float(y)), float(radius * scale), part.angle + turn)
        for part, (x, y), radius in zip(parts, centers, radii, strict=True)
    )
    return _trim(Sprite(label, np.asarray(canvas), frames))


def draw_object(
    label: int, object_class: ObjectClass, longest_side: float, rng: np.random.Generator
) -> Sprite:
    """Rasterize an object of a class in a random pose; see `draw_sprite`."""
    return draw_sprite(label, object_class.parts, longest_side, rng)


def _outline(part: ArrangedPart, radius: float) -> np.ndarray:
    """Return the outline of a part in the frame of its object, (V, 2)."""
    cosine, sine = np.cos(part.angle), np.sin(part.angle)
    turned = part_outline(PART_KINDS[part.kind].shape) @ np.array([(cosine, sine), (-sine, cosine)])
    placed: np.ndarray = turned * radius + np.array(part.center)
    return placed


def _trim(sprite: Sprite) -> Sprite:
    """Remove empty rows and columns at the borders of a sprite."""
    rows = np.flatnonzero(sprite.part_map.any(axis=1))
    columns = np.flatnonzero(sprite.part_map.any(axis=0))
    top, left = rows[0], columns[0]
    frames = tuple(
        PartFrame(f.kind, (f.center[0] - left, f.center[1] - top), f.radius, f.angle)
        for f in sprite.frames
    )
    part_map = sprite.part_map[top : rows[-1] + 1, left : columns[-1] + 1]
    return Sprite(sprite.label, part_map, frames)
