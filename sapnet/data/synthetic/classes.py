"""Object classes: the parts of an object and their arrangement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sapnet.data.synthetic.parts import PART_KINDS, part_outline, radius_along

CATALOGUE_SEED = 20
"""Seed of the classes, the same for all sets."""

PARTS_PER_CLASS = (3, 4, 3, 2, 3, 4, 3, 3)
"""Numbers of parts, repeated over the classes."""

SATELLITE_RADIUS = (0.6, 0.9)
"""Radius of the parts around the body, whose radius is 1."""

MIN_ANGLE = np.pi * 80 / 180
"""Smallest angle between two parts on the same body; closer parts would hide each other."""

OVERLAP = 0.2
"""Overlap of a part with the body, as a share of the part's radius."""


@dataclass(frozen=True)
class ArrangedPart:
    """A part in the frame of its object (body at the origin, its radius 1, y down).

    Attributes:
        kind: index into `PART_KINDS`.
        center: (x, y).
        radius: radius of the circle around its outline.
        angle: its rotation, radians.
    """

    kind: int
    center: tuple[float, float]
    radius: float
    angle: float


@dataclass(frozen=True)
class ObjectClass:
    """A class: its name and its parts, the body first."""

    name: str
    parts: tuple[ArrangedPart, ...]


@lru_cache
def object_classes(num_classes: int) -> tuple[ObjectClass, ...]:
    """Return the first `num_classes` classes of the catalogue.

    Every part kind is used about equally often, so that it occurs in several classes. No class's
    parts are a subset of another's, so that each whole object is unambiguous.
    """
    rng = np.random.default_rng(CATALOGUE_SEED)
    uses = np.zeros(len(PART_KINDS))
    chosen: list[frozenset[int]] = []
    classes: list[ObjectClass] = []
    while len(classes) < num_classes:
        num_parts = PARTS_PER_CLASS[len(classes) % len(PARTS_PER_CLASS)]
        kinds = np.argsort(uses + rng.uniform(0, 2, len(uses)))[:num_parts]
        combination = frozenset(kinds.tolist())
        if any(combination <= other or other <= combination for other in chosen):
            continue
        chosen.append(combination)
        uses[kinds] += 1
        classes.append(_arrange(rng.permutation(kinds), rng))
    return tuple(classes)


def _arrange(kinds: np.ndarray, rng: np.random.Generator) -> ObjectClass:
    """Place the first kind in the middle and the others around it, overlapping it."""
    angles = _spread_angles(len(kinds) - 1, rng)
    parts = [ArrangedPart(int(kinds[0]), (0.0, 0.0), 1.0, 0.0)]
    body_outline = part_outline(PART_KINDS[kinds[0]].shape)
    for kind, angle in zip(kinds[1:].tolist(), angles, strict=True):
        radius = float(rng.uniform(*SATELLITE_RADIUS))
        # The satellite's own x axis points away from the body.
        inner = radius_along(part_outline(PART_KINDS[kind].shape), np.pi) * radius
        distance = radius_along(body_outline, angle) + inner - OVERLAP * radius
        center = (distance * float(np.cos(angle)), distance * float(np.sin(angle)))
        parts.append(ArrangedPart(kind, center, radius, angle))
    name = "-".join(PART_KINDS[kind].shape for kind in kinds.tolist())
    return ObjectClass(name, tuple(parts))


def _spread_angles(count: int, rng: np.random.Generator) -> list[float]:
    """Draw `count` directions, multiples of 45 degrees, any two at least `MIN_ANGLE` apart."""
    while True:
        angles = rng.integers(0, 8, count) * (np.pi / 4)
        gaps = np.abs(angles[:, None] - angles[None, :])
        gaps = np.minimum(gaps, 2 * np.pi - gaps)[np.triu_indices(count, 1)]
        if (gaps >= MIN_ANGLE).all():
            return [float(angle) for angle in angles]
