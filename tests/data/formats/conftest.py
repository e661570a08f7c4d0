"""Images of given sizes, and masks that are hard for the formats."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.coco import Instance, InstanceSet
from sapnet.geometry.rle import encode_masks, rle_to_json
from sapnet.structures.clicks import Category, ImageRecord

MakeImages = Callable[..., Path]


@pytest.fixture
def make_images(tmp_path: Path) -> MakeImages:
    """Write gray images, given as name=(width, height), to tmp_path/images."""

    def make(sizes: dict[str, tuple[int, int]]) -> Path:
        folder = tmp_path / "images"
        for name, size in sizes.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, "gray").save(folder / name)
        return folder

    return make


def hard_masks(height: int, width: int) -> list[np.ndarray]:
    """A disc, a ring with a hole, an object of three parts, a single pixel, a diagonal line."""
    y, x = np.mgrid[:height, :width]
    disc = (x - 30) ** 2 + (y - 25) ** 2 < 15**2
    distance = np.hypot(x - 70, y - 30)
    ring = (distance < 18) & (distance > 7)
    parts = np.zeros((height, width), bool)
    parts[45:55, 5:20] = parts[45:50, 24:30] = parts[52:58, 40:44] = True
    pixel = np.zeros((height, width), bool)
    pixel[2, 97] = True
    line = (x == y) & (x < 12)
    return [disc, ring, parts, pixel, line]


@pytest.fixture
def instances(make_images: MakeImages) -> InstanceSet:
    """Three images of 100 x 60: five hard masks, two masks that overlap, none."""
    names = ("a.jpg", "sub/b ü.png", "c.jpg")
    make_images(dict.fromkeys(names, (100, 60)))
    images = tuple(ImageRecord(7 + i, name, 100, 60) for i, name in enumerate(names))
    left, right = np.zeros((2, 60, 100), bool)
    left[10:40, 10:50] = True
    right[20:50, 30:90] = True
    masks = [(images[0], mask) for mask in hard_masks(60, 100)]
    masks += [(images[1], left), (images[1], right)]
    found = tuple(
        Instance(
            annotation_id=100 + number,
            image=image,
            category_id=(3, 9)[number % 2],
            is_crowd=False,
            segmentation=rle_to_json(encode_masks(mask[None])[0]),
            source=Path("labels.json"),
            score=0.5 + number / 20,
        )
        for number, (image, mask) in enumerate(masks)
    )
    return InstanceSet(images, (Category(3, "cat"), Category(9, "big dog")), found)
