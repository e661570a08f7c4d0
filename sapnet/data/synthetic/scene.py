"""One image of the synthetic set, with its exact ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapnet.data.synthetic.classes import ArrangedPart, object_classes
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.contact import touching_pairs
from sapnet.data.synthetic.painting import (
    clip_to_image,
    finish,
    paint_background,
    paint_blob,
    paint_sprite,
)
from sapnet.data.synthetic.parts import PART_KINDS
from sapnet.data.synthetic.placement import Arrangement, arrange_objects
from sapnet.data.synthetic.sprites import draw_sprite

LONE_PART_SHARE = 0.4
"""Share of the clutter that is a single part instead of a blob."""

CLUTTER_SIZE = (0.06, 0.3)
"""Size of a clutter shape, as a share of the image's short side."""


@dataclass(frozen=True)
class SceneObject:
    """An object as it is visible in its scene.

    Attributes:
        label: class index 0..C-1.
        mask: (H, W) bool visible mask.
        part_masks: (P, H, W) bool visible masks of its visible parts; disjoint, union = `mask`.
        part_kinds: P indices into `PART_KINDS`.
        neighbours: indices of the scene's objects of the same class that touch it.
    """

    label: int
    mask: np.ndarray
    part_masks: np.ndarray
    part_kinds: tuple[int, ...]
    neighbours: tuple[int, ...]


@dataclass(frozen=True)
class Scene:
    """An image and its objects, back to front: a later object covers an earlier one.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        objects: the objects; may be empty.
    """

    image: np.ndarray
    objects: tuple[SceneObject, ...]


def draw_scene(cfg: SyntheticConfig, index: int) -> Scene:
    """Draw image `index` of the set; it depends only on `cfg` and `index`.

    Args:
        cfg: settings of the set.
        index: number of the image, >= 0; may exceed `cfg.num_images`, for a stream of new images.
    """
    rng = np.random.default_rng((cfg.seed, index))
    placed = arrange_objects(cfg, rng)
    image = paint_background(cfg.image_size, rng)
    _paint_clutter(image, cfg, rng)
    for sprite, origin in zip(placed.sprites, placed.origins, strict=True):
        paint_sprite(image, sprite, origin, cfg.lighting, rng)
    return Scene(finish(image, cfg.noise, cfg.lighting, rng), _scene_objects(placed))


def _paint_clutter(image: np.ndarray, cfg: SyntheticConfig, rng: np.random.Generator) -> None:
    """Paint blobs and single parts, in place."""
    height, width = cfg.image_size
    for _ in range(int(rng.integers(cfg.clutter[0], cfg.clutter[1] + 1))):
        size = rng.uniform(*CLUTTER_SIZE) * min(height, width)
        if rng.random() >= LONE_PART_SHARE:
            paint_blob(image, 1.5 * size, rng)
            continue
        part = ArrangedPart(int(rng.integers(len(PART_KINDS))), (0.0, 0.0), 1.0, 0.0)
        sprite = draw_sprite(0, (part,), max(4.0, size), rng)
        sprite_height, sprite_width = sprite.part_map.shape
        origin = (
            int(rng.integers(0, height)) - sprite_height // 2,
            int(rng.integers(0, width)) - sprite_width // 2,
        )
        paint_sprite(image, sprite, origin, cfg.lighting, rng)


def _scene_objects(placed: Arrangement) -> tuple[SceneObject, ...]:
    """Return the placed objects with their visible masks, parts and touching neighbors."""
    labels = [sprite.label for sprite in placed.sprites]
    neighbours: list[list[int]] = [[] for _ in labels]
    for first, second in touching_pairs(placed.owner):
        if labels[first - 1] == labels[second - 1]:
            neighbours[first - 1].append(second - 1)
            neighbours[second - 1].append(first - 1)
    objects = []
    for index, (sprite, origin) in enumerate(zip(placed.sprites, placed.origins, strict=True)):
        mask = placed.owner == index + 1
        visible, (top, left) = clip_to_image(sprite.part_map, origin, mask.shape)
        part_map = np.zeros(mask.shape, np.uint8)
        part_map[top : top + visible.shape[0], left : left + visible.shape[1]] = visible
        part_map *= mask
        seen = np.flatnonzero(np.bincount(part_map.ravel())[1:])
        objects.append(
            SceneObject(
                label=sprite.label,
                mask=mask,
                part_masks=part_map == (seen + 1)[:, None, None],
                part_kinds=tuple(sprite.frames[part].kind for part in seen),
                neighbours=tuple(neighbours[index]),
            )
        )
    return tuple(objects)


def category_names(num_classes: int) -> tuple[str, ...]:
    """Return the names of the classes, in the order of their labels."""
    return tuple(object_class.name for object_class in object_classes(num_classes))
