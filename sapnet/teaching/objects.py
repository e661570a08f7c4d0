"""Marked objects of photographs: which there are, how often each is drawn, their masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapnet.data.coco import Instance, load_instances
from sapnet.geometry.rle import decode_masks, rle_areas, rle_boxes
from sapnet.structures.clicks import RLE
from sapnet.teaching.config import SourceConfig

MIN_AREA = 64
"""Smallest object that teaches anything, square pixels."""

FULL_WEIGHT_SIZE = 0.1
"""Root of an object's area, as a share of the image's, from which on it is drawn in full."""


@dataclass(frozen=True)
class MarkedObject:
    """An object with its mask, original frame.

    Attributes:
        rle: its mask.
        box: (4,) float32 xyxy, tight.
        area: pixels.
        weight: relative frequency of being drawn.
    """

    rle: RLE
    box: np.ndarray
    area: int
    weight: float


@dataclass(frozen=True)
class MarkedImage:
    """A photograph and its marked objects; what is unmarked is unknown, not background."""

    path: Path
    objects: tuple[MarkedObject, ...]


@dataclass(frozen=True)
class ObjectPool:
    """All objects of all sources, to be drawn from.

    Attributes:
        images: with at least one object each.
        owner: (N,) int64, the image of each object.
        place: (N,) int64, its place among the image's objects.
        shares: (N,) float64 probability of each object; sums to 1.
    """

    images: tuple[MarkedImage, ...]
    owner: np.ndarray
    place: np.ndarray
    shares: np.ndarray

    def draw(self, rng: np.random.Generator) -> tuple[MarkedImage, int]:
        """An image, and which of its objects."""
        index = int(rng.choice(len(self.shares), p=self.shares))
        return self.images[self.owner[index]], int(self.place[index])


def load_pool(sources: Sequence[SourceConfig]) -> ObjectPool:
    """Read the marked objects of some sources.

    Args:
        sources: folders and files.

    Raises:
        ValueError: if there is not one object in a source.
    """
    images: list[MarkedImage] = []
    shares: list[np.ndarray] = []
    for source in sources:
        found = _images_of(source)
        weights = np.array([o.weight for image in found for o in image.objects], np.float64)
        if not len(weights):
            raise ValueError(f"{source.truth}: expected objects of {MIN_AREA} px or more, found 0")
        images.extend(found)
        shares.append(source.weight * weights / weights.sum())
    owner = np.concatenate([np.full(len(im.objects), i) for i, im in enumerate(images)])
    place = np.concatenate([np.arange(len(image.objects)) for image in images])
    every = np.concatenate(shares)
    return ObjectPool(tuple(images), owner, place, every / every.sum())


def object_mask(marked: MarkedObject) -> np.ndarray:
    """(H, W) uint8, 255 on the object."""
    mask: np.ndarray = decode_masks([marked.rle])[0] * np.uint8(255)
    return mask


def _images_of(source: SourceConfig) -> list[MarkedImage]:
    truth = load_instances(Path(source.truth))
    folder = Path(source.images)
    grouped = truth.instances_by_image()
    found = []
    for image in truth.images:
        own = [instance for instance in grouped[image.image_id] if not instance.is_crowd]
        objects = _objects_of(own, (image.height * image.width) ** 0.5, source.whole_category)
        if objects:
            found.append(MarkedImage(folder / image.file_name, objects))
    return found


def _objects_of(
    instances: Sequence[Instance], image_side: float, whole_category: int | None
) -> tuple[MarkedObject, ...]:
    rles = [instance.rle() for instance in instances]
    areas, boxes = rle_areas(rles), rle_boxes(rles)
    wholes = sum(instance.category_id == whole_category for instance in instances)
    parts = len(instances) - wholes
    objects = []
    for instance, rle, area, box in zip(instances, rles, areas, boxes, strict=True):
        weight = min(1.0, float(area) ** 0.5 / image_side / FULL_WEIGHT_SIZE)
        if instance.category_id == whole_category:
            weight *= max(parts, 1) / wholes
        if area >= MIN_AREA:
            objects.append(MarkedObject(rle, box, int(area), weight))
    return tuple(objects)
