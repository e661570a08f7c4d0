"""Real photographs or drawn ones, with masks that are hard for the formats.

These tests read our exports by the tools that they are for. `make interop` installs the tools in an
environment of their own; elsewhere the tests are skipped.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.coco import Instance, InstanceSet, load_instances
from sapnet.geometry.rle import encode_masks, rle_areas, rle_to_json
from sapnet.structures.clicks import Category, ImageRecord

# Read by ultralytics when it is imported: it shall download, install and report nothing.
os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

PHOTOGRAPHS = Path(__file__).parents[2] / ".." / "shared" / "coco"


@pytest.fixture(scope="session")
def photographs() -> tuple[InstanceSet, Path]:
    """The 804 objects of 80 COCO photographs, and the folder of the images."""
    root = Path(os.environ.get("SAPNET_COCO", PHOTOGRAPHS)).resolve()
    truth = root / "annotations" / "instances_val2017.json"
    if not truth.is_file():
        pytest.skip(f"{truth}: no COCO photographs; SAPNET_COCO names their folder")
    found = load_instances(truth)
    objects = [i for i in found.instances if not i.is_crowd and rle_areas([i.rle()])[0]]
    return replace(found, instances=tuple(objects)), root / "val2017"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[InstanceSet, Path]:
    """Three images: discs, rings, objects of parts, single pixels, lines; one without an object."""
    folder = tmp_path_factory.mktemp("images")
    names, size = ("a.jpg", "b b.jpg", "c.jpg"), (60, 100)
    for name in names:
        Image.new("RGB", size[::-1], "gray").save(folder / name)
    images = tuple(ImageRecord(7 + i, name, size[1], size[0]) for i, name in enumerate(names))
    y, x = np.mgrid[: size[0], : size[1]]
    distance = np.hypot(x - 70, y - 30)
    ring = (distance < 18) & (distance > 7)
    parts = ((y > 44) & (y < 55) & (x > 4) & (x < 20)) | ((y > 50) & (x > 40) & (x < 44))
    masks = [(x - 30) ** 2 + (y - 25) ** 2 < 15**2, ring, parts, (x == 97) & (y == 2)]
    masks += [(x == y) & (x < 12), (x < 40) & (y < 30), (x > 50) & (y > 30) & (x < 90)]
    objects = tuple(
        Instance(
            annotation_id=100 + number,
            image=images[0] if number < 5 else images[1],
            category_id=(3, 9)[number % 2],
            is_crowd=False,
            segmentation=rle_to_json(encode_masks(mask[None])[0]),
            source=folder,
        )
        for number, mask in enumerate(masks)
    )
    return InstanceSet(images, (Category(3, "cat"), Category(9, "big dog")), objects), folder


@pytest.fixture(params=["drawn", "photographs"])
def data_set(request: pytest.FixtureRequest) -> tuple[InstanceSet, Path]:
    found: tuple[InstanceSet, Path] = request.getfixturevalue(request.param)
    return found
