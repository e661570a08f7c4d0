"""Marked objects of photographs, and how often each of them is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapnet.structures.clicks import RLE, Click


@dataclass(frozen=True)
class MarkedObject:
    """An object with its mask, original frame.

    Attributes:
        rle: its mask.
        box: (4,) float32 xyxy, tight.
        area: pixels.
        weight: relative frequency of being drawn.
        click: the click that asked for it, where somebody clicked.
    """

    rle: RLE
    box: np.ndarray
    area: int
    weight: float
    click: Click | None = None


@dataclass(frozen=True)
class MarkedImage:
    """A photograph and its marked objects; what is unmarked is unknown, not background.

    Attributes:
        path: the file.
        objects: at least one.
        bits: bit depth of its data set; None for images of 8 bits.
    """

    path: Path
    objects: tuple[MarkedObject, ...]
    bits: int | None = None


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


def pool_of(images: Sequence[MarkedImage], shares: np.ndarray | None = None) -> ObjectPool:
    """Make a pool of images.

    Args:
        images: with at least one object each, at least one image.
        shares: (N,) how often each object is drawn; by default by the objects' own weights.
    """
    owner = np.concatenate([np.full(len(im.objects), i) for i, im in enumerate(images)])
    place = np.concatenate([np.arange(len(image.objects)) for image in images])
    if shares is None:
        shares = np.array([o.weight for image in images for o in image.objects], np.float64)
    return ObjectPool(tuple(images), owner, place, shares / shares.sum())
