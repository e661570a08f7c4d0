"""Settings of the synthetic data set."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_CLASSES = 16
"""Largest number of classes for which the parts give clearly different combinations."""


MIN_PIXELS = 12
"""Least length of an object: its parts are drawn as shapes."""

USUAL_SIZES = (0.1, 0.62)
"""Lengths of objects as shares of the image's short side; at 160 px: 16 to 99 px."""


@dataclass(frozen=True)
class SyntheticConfig:
    """Settings of the synthetic set; the same values always give the same images.

    Attributes:
        num_images: number of images.
        size: side of the square images, or (height, width), in pixels.
        num_classes: number of object classes, 2 to 16. The classes do not depend on the seed: class
            3 of a training set is class 3 of the held-out set.
        objects: smallest and largest number of objects of an image that is not empty.
        object_size: smallest and largest length of an object's longest side, as a share of the
            image's short side, drawn log-uniformly; by default 0.1 (but at least 12 px) to 0.62.
        touching: target share of objects that touch a neighbor of their own class.
        overlapping: share of the other objects that may cover parts of earlier ones.
        empty: share of images without objects.
        clutter: smallest and largest number of background shapes: blobs and single parts.
        min_area: smallest number of visible pixels of an object.
        min_visible: smallest visible share of an object's full outline.
        noise: standard deviation of the sensor noise, gray levels of 255.
        lighting: strength of the light's variation over image and objects, 0 (flat) to 1.
        seed: seed of the whole set; image i depends only on (seed, i).
    """

    num_images: int = 300
    size: int | tuple[int, int] = 160
    num_classes: int = 8
    objects: tuple[int, int] = (2, 6)
    object_size: tuple[float, float] | None = None
    touching: float = 0.4
    overlapping: float = 0.3
    empty: float = 0.0
    clutter: tuple[int, int] = (3, 8)
    min_area: int = 40
    min_visible: float = 0.4
    noise: float = 6.0
    lighting: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.image_size) < 32:
            raise ValueError(f"size: expected at least 32 px per side, found {self.size}")
        if not 2 <= self.num_classes <= MAX_CLASSES:
            raise ValueError(
                f"num_classes: expected 2 to {MAX_CLASSES}, found {self.num_classes}; the parts "
                f"give no more combinations that are clearly different"
            )
        for name in ("objects", "clutter", "size_range"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name}: expected 0 <= fewest <= most, found ({low}, {high})")
        low, high = self.size_range
        if low * min(self.image_size) < MIN_PIXELS or high > 1:
            raise ValueError(
                f"object_size: expected shares that give at least {MIN_PIXELS} px and at most the "
                f"image's short side of {min(self.image_size)} px, found ({low}, {high})"
            )
        for name in ("touching", "overlapping", "empty", "min_visible", "lighting"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, found {getattr(self, name)}")

    @property
    def size_range(self) -> tuple[float, float]:
        """Smallest and largest length of an object, as a share of the image's short side."""
        if self.object_size is not None:
            return self.object_size
        low, high = USUAL_SIZES
        # Rounded up, so that the product is not a hair below the least number of pixels.
        return max(low, math.ceil(MIN_PIXELS / min(self.image_size) * 1e6) / 1e6), high

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of the images, pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size
