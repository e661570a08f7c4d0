"""Placement of the objects of a scene: apart, touching, or covering one another."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sapnet.data.synthetic.classes import object_classes
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.painting import clip_to_image
from sapnet.data.synthetic.sprites import Sprite, draw_object

LARGEST_IN_GROUP = 0.75
"""Largest object of a group, relative to the largest object allowed."""

GROUP_SCALE = 0.2
"""Largest relative difference in size between neighbors of a group."""

OUTSIDE = 0.12
"""Largest part of an object outside of the image, as a share of its side."""

ATTEMPTS = 5
"""Number of sprites that are tried for an object, each smaller than the last."""

POSITIONS = 8
"""Number of positions or directions that are tried for a sprite."""

SHRINK = 0.8
"""Size of the next attempt, relative to the last."""

PRESS = 0.06
"""Largest overlap of a touching object with its neighbor, as a share of its side."""


@dataclass
class Arrangement:
    """The objects placed so far, back to front.

    Attributes:
        owner: (H, W) int16, 1 + index of the object visible at the pixel, 0 for background.
        sprites: the placed sprites.
        origins: (top, left) of each sprite; may be negative.
        full_areas: number of pixels of each sprite, including covered and outside ones.
    """

    owner: np.ndarray
    sprites: list[Sprite] = field(default_factory=list)
    origins: list[tuple[int, int]] = field(default_factory=list)
    full_areas: list[int] = field(default_factory=list)


def arrange_objects(cfg: SyntheticConfig, rng: np.random.Generator) -> Arrangement:
    """Place the objects of one scene, large ones first.

    Every placed object keeps at least `cfg.min_area` visible pixels and `cfg.min_visible` of its
    full area. An object that does not fit after several attempts of shrinking size is left out.
    """
    placed = Arrangement(np.zeros(cfg.image_size, np.int16))
    if rng.random() < cfg.empty:
        return placed
    short_side = min(cfg.image_size)
    low, high = (share * short_side for share in cfg.size_range)
    for label, group_size, side in _plan(cfg, rng, low, high):
        anchor = _place_alone(placed, label, side, cfg, rng)
        for _ in range(group_size - 1):
            if anchor is None:
                break
            scaled = side * (1 + rng.uniform(-GROUP_SCALE, GROUP_SCALE))
            anchor = _place_beside(placed, anchor, float(np.clip(scaled, low, high)), cfg, rng)
    return placed


def _plan(
    cfg: SyntheticConfig, rng: np.random.Generator, low: float, high: float
) -> list[tuple[int, int, float]]:
    """Return (label, group size, longest side in pixels) of the scene's groups, largest first."""
    num_objects = int(rng.integers(cfg.objects[0], cfg.objects[1] + 1))
    groups = _group_sizes(num_objects, cfg.touching, rng)
    plan = []
    for group_size in groups + [1] * (num_objects - sum(groups)):
        side = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        if group_size > 1:
            # Two objects of the largest size would not fit side by side.
            side = min(side, LARGEST_IN_GROUP * high)
        plan.append((int(rng.integers(cfg.num_classes)), group_size, side))
    return sorted(plan, key=lambda group: -group[2])


def _group_sizes(num_objects: int, touching: float, rng: np.random.Generator) -> list[int]:
    """Draw group sizes, 2 or 3, so that groups hold on average `touching` of the objects."""
    remaining = int(touching * num_objects + rng.random())
    if remaining == 1:
        remaining = 2 * int(num_objects >= 2 and rng.random() < 0.5)
    sizes = []
    while remaining > 0:
        group_size = remaining if remaining <= 3 else int(rng.integers(2, 4))
        # A single remaining object would have nothing to touch.
        group_size = 2 if remaining - group_size == 1 else group_size
        sizes.append(group_size)
        remaining -= group_size
    return sizes


def _place_alone(
    placed: Arrangement, label: int, side: float, cfg: SyntheticConfig, rng: np.random.Generator
) -> int | None:
    """Place an object anywhere; return its index, None if there is no room."""
    may_cover = rng.random() < cfg.overlapping
    object_class = object_classes(cfg.num_classes)[label]
    smallest = cfg.size_range[0] * min(cfg.image_size)
    for attempt in range(ATTEMPTS):
        sprite = draw_object(label, object_class, max(smallest, side * SHRINK**attempt), rng)
        (height, width), (sprite_height, sprite_width) = cfg.image_size, sprite.part_map.shape
        for _ in range(POSITIONS):
            origin = (
                round(float(_position(height, sprite_height, rng))),
                round(float(_position(width, sprite_width, rng))),
            )
            if _put(placed, sprite, origin, may_cover, cfg):
                return len(placed.sprites) - 1
    return None


def _position(image_side: int, sprite_side: int, rng: np.random.Generator) -> float:
    """Draw the first row or column of a sprite that exceeds the border by at most `OUTSIDE`."""
    margin = OUTSIDE * sprite_side
    return rng.uniform(-margin, max(-margin, image_side - sprite_side + margin))


def _place_beside(
    placed: Arrangement, anchor: int, side: float, cfg: SyntheticConfig, rng: np.random.Generator
) -> int | None:
    """Place an object of the anchor's class so that they touch; return its index."""
    label = placed.sprites[anchor].label
    sprite = draw_object(label, object_classes(cfg.num_classes)[label], side, rng)
    start = rng.uniform(0, 2 * np.pi)
    for turn in range(POSITIONS):
        origin = _slide_to(placed, anchor, sprite, start + turn * 2 * np.pi / POSITIONS, rng)
        if _put(placed, sprite, origin, True, cfg):
            return len(placed.sprites) - 1
    return None


def _slide_to(
    placed: Arrangement, anchor: int, sprite: Sprite, angle: float, rng: np.random.Generator
) -> tuple[int, int]:
    """Slide a sprite towards the anchor from the direction `angle` until it just covers it.

    Returns:
        (top, left) of the sprite.
    """
    target = placed.owner == anchor + 1
    rows, columns = np.nonzero(target)
    center = (float(rows.mean()), float(columns.mean()))
    height, width = sprite.part_map.shape
    direction = (float(np.sin(angle)), float(np.cos(angle)))
    step = max(1.0, 0.03 * max(height, width))
    reach = (np.hypot(height, width) + np.hypot(np.ptp(rows) + 1, np.ptp(columns) + 1)) / 2
    press = rng.uniform(0, PRESS) * max(height, width)
    distance = reach
    while distance > 0:
        origin = _origin_at(center, distance, direction, sprite)
        visible, (top, left) = clip_to_image(sprite.part_map, origin, target.shape)
        below = target[top : top + visible.shape[0], left : left + visible.shape[1]]
        if np.any(below & (visible > 0)):
            break
        distance -= step
    return _origin_at(center, max(0.0, distance - press), direction, sprite)


def _origin_at(
    center: tuple[float, float], distance: float, direction: tuple[float, float], sprite: Sprite
) -> tuple[int, int]:
    """Return (top, left) of a sprite at a `distance` from `center`; all are (y, x)."""
    height, width = sprite.part_map.shape
    return (
        round(center[0] + distance * direction[0] - height / 2),
        round(center[1] + distance * direction[1] - width / 2),
    )


def _put(
    placed: Arrangement,
    sprite: Sprite,
    origin: tuple[int, int],
    may_cover: bool,
    cfg: SyntheticConfig,
) -> bool:
    """Add a sprite on top if it and all others stay visible enough; return True on success."""
    visible, (top, left) = clip_to_image(sprite.part_map, origin, cfg.image_size)
    inside = visible > 0
    full_area = int(np.count_nonzero(sprite.part_map))
    # A sprite far outside of the image is refused like a covered one: enough of an object must be
    # visible to tell it from its parts.
    if np.count_nonzero(inside) < max(cfg.min_area, (1 - 2 * OUTSIDE) * full_area):
        return False
    below = placed.owner[top : top + inside.shape[0], left : left + inside.shape[1]]
    covered = np.bincount(below[inside], minlength=len(placed.sprites) + 1)[1:]
    if covered.any():
        if not may_cover:
            return False
        areas = np.bincount(placed.owner.ravel(), minlength=len(placed.sprites) + 1)[1:]
        needed = np.maximum(cfg.min_area, cfg.min_visible * np.array(placed.full_areas))
        if ((covered > 0) & (areas - covered < needed)).any():
            return False
    below[inside] = len(placed.sprites) + 1
    placed.sprites.append(sprite)
    placed.origins.append(origin)
    placed.full_areas.append(full_area)
    return True
