"""A run's stand-in that sees squares, as many as an image's name says."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import numpy as np

from sapnet.annotate.suggest.seen import SeenImage, SeenInstance
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE

HEIGHT, WIDTH = 240, 320
SCORES = (0.9, 0.6, 0.4, 0.2)
"""Of the squares of an image, from the left; the last one is no suggestion."""


def square(left: int, top: int = 60, side: int = 40) -> RLE:
    mask = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    mask[0, top : top + side, left : left + side] = 1
    return encode_masks(mask)[0]


def seen_squares(count: int = 3, direction: float = 0.0, category: str = "car") -> SeenImage:
    """What is seen on an image: squares from the left, described by a direction in radians."""
    lefts = [20 + 70 * place for place in range(count)]
    instances = tuple(
        SeenInstance(category, score, (left + 20.5, 80.5), square(left))
        for left, score in zip(lefts, SCORES, strict=False)
    )
    return SeenImage(instances, np.array([np.cos(direction), np.sin(direction)], np.float32))


class SquareSeer:
    """Sees the same squares on every image, after `may_look` is set.

    Attributes:
        looks: times that each image was looked at, by its name.
        errors: what is raised for an image, by its name.
    """

    def __init__(self, *, may_look: bool = True) -> None:
        self.may_look = threading.Event()
        self.looks: Counter[str] = Counter()
        self.errors: dict[str, Exception] = {}
        self._closed = False
        if may_look:
            self.may_look.set()

    def __call__(self, path: Path) -> SeenImage:
        self.may_look.wait(60)
        if self._closed:
            raise ConnectionError("closed")
        self.looks[path.name] += 1
        if path.name in self.errors:
            raise self.errors[path.name]
        return seen_squares(direction=len(self.looks))

    def close(self) -> None:
        self._closed = True
        self.may_look.set()
