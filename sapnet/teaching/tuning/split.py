"""Split of marked objects: some are learned from, some kept aside to judge by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sapnet.structures.clicks import Click
from sapnet.teaching.config import TuneConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject
from sapnet.teaching.views import draw_click, object_mask


@dataclass(frozen=True)
class Split:
    """Marked objects in two parts that share none.

    Attributes:
        learned: images with the objects to learn from.
        kept_aside: images with the objects to judge by.
    """

    learned: tuple[MarkedImage, ...]
    kept_aside: tuple[MarkedImage, ...]


def split_objects(images: Sequence[MarkedImage], cfg: TuneConfig) -> Split:
    """Keep whole images aside, or single objects where there are few images.

    Images are told apart by the hash of their names: most of those kept aside stay so when
    further ones come.

    Args:
        images: all that is marked.
        cfg: how much is kept aside.

    Raises:
        ValueError: there are too few objects.
    """
    count = sum(len(image.objects) for image in images)
    if count < cfg.min_objects:
        raise ValueError(
            f"expected {cfg.min_objects} or more objects with masks, some to learn from and some "
            f"to judge by, found {count}. Correct more objects."
        )
    if len(images) >= cfg.min_images:
        places = sorted(range(len(images)), key=lambda place: _digest(images[place]))
        chosen = set(places[: max(1, round(cfg.kept_aside * len(images)))])
        return Split(
            tuple(image for place, image in enumerate(images) if place not in chosen),
            tuple(image for place, image in enumerate(images) if place in chosen),
        )
    pairs = [(place, index) for place, im in enumerate(images) for index in range(len(im.objects))]
    rng = np.random.default_rng(0)
    number = max(1, round(cfg.kept_aside * count))
    taken = {pairs[index] for index in rng.permutation(count)[:number]}
    return Split(_part(images, set(pairs) - taken), _part(images, taken))


def asked_click(image: MarkedImage, place: int) -> Click:
    """Return the click on an object that it is judged by.

    It is the user's own click where there is one, else one drawn on the mask, always the same.
    """
    marked: MarkedObject = image.objects[place]
    if marked.click is not None:
        return marked.click
    rng = np.random.default_rng([int(_digest(image)[:8], 16), place])
    x, y = draw_click(object_mask(marked), marked.box, 0.0, rng).tolist()
    return Click(place + 1, 1, 1, ((x, y),))


def _part(images: Sequence[MarkedImage], wanted: set[tuple[int, int]]) -> tuple[MarkedImage, ...]:
    parts = []
    for place, image in enumerate(images):
        objects = tuple(o for index, o in enumerate(image.objects) if (place, index) in wanted)
        if objects:
            parts.append(replace(image, objects=objects))
    return tuple(parts)


def _digest(image: MarkedImage) -> str:
    return hashlib.sha256(image.path.name.encode()).hexdigest()
