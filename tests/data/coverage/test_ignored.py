"""Regions to ignore: read, written, turned upright, and no clicks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.data.clicked_images import check_images
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.geometry.rle import decode_masks

SQUARE = [[2, 4, 10, 4, 10, 9, 2, 9]]


def content(**region: object) -> dict[str, Any]:
    """One clicked object, and a region of another category."""
    one = {"id": 1, "image_id": 5, "category_id": 3, "point": [20.5, 6.5], "iscrowd": 0}
    other = {"id": 2, "image_id": 5, "category_id": 7, **region}
    return {
        "images": [{"id": 5, "file_name": "a.jpg", "width": 40, "height": 30}],
        "categories": [{"id": 3, "name": "cup"}, {"id": 7, "name": "person"}],
        "annotations": [one, other],
    }


def write(folder: Path, value: dict[str, Any]) -> Path:
    path = folder / "clicks.json"
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize("key", ["iscrowd", "ignore", "difficult"])
@pytest.mark.parametrize("place", [{"segmentation": SQUARE}, {"bbox": [2, 4, 8, 5]}])
def test_a_region_is_no_click(tmp_path: Path, key: str, place: dict[str, object]) -> None:
    clicks = load_clicks(write(tmp_path, content(**{key: 1}, **place)))
    assert [click.annotation_id for click in clicks.clicks] == [1]
    (region,) = clicks.coverage[5].ignored
    assert region.category_id == 7
    expected = np.zeros((30, 40), np.uint8)
    expected[4:9, 2:10] = 1
    np.testing.assert_array_equal(decode_masks([region.mask])[0], expected)


def test_regions_are_written_as_crowds(tmp_path: Path) -> None:
    clicks = load_clicks(write(tmp_path, content(difficult=1, segmentation=SQUARE)))
    path = save_clicks(tmp_path / "again.json", clicks)
    record = json.loads(path.read_text())["annotations"][1]
    assert (record["iscrowd"], record["area"], record["bbox"]) == (1, 40, [2, 4, 8, 5])
    assert load_clicks(path).coverage == clicks.coverage
    assert [i.is_crowd for i in load_instances(_with_masks(path)).instances] == [False, True]


def _with_masks(path: Path) -> Path:
    value = json.loads(path.read_text())
    value["annotations"][0]["segmentation"] = [[15, 2, 25, 2, 25, 9]]
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize("key", ["iscrowd", "ignore", "difficult"])
def test_regions_of_a_ground_truth_get_no_click(tmp_path: Path, key: str) -> None:
    value = content(**{key: 1}, bbox=[2, 4, 8, 5])
    value["annotations"][0]["segmentation"] = SQUARE
    truth = load_instances(write(tmp_path, value))
    assert [i.is_crowd for i in truth.instances] == [False, True]
    assert [c.annotation_id for c in sample_clicks(truth).clicks] == [1]
    assert sample_clicks(truth).coverage[5].ignored[0].category_id == 7


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({"iscrowd": 1}, "object 2 .*expected 'segmentation' or 'bbox' of a region to ignore"),
        ({"iscrowd": 1, "bbox": [50, 50, 4, 4]}, "expected a mask with some pixels"),
        ({"ignore": 2, "bbox": [2, 4, 8, 5]}, "expected 'ignore' as 0 or 1, found 2"),
    ],
)
def test_wrong_regions_are_named(tmp_path: Path, region: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_clicks(write(tmp_path, content(**region)))


def test_regions_turn_with_their_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    clicks = load_clicks(write(tmp_path, content(iscrowd=1, segmentation=SQUARE)))
    (region,) = check_images(clicks, tmp_path).coverage[5].ignored
    turned = decode_masks([region.mask])[0]
    assert turned.shape == (40, 30)
    rows, columns = np.nonzero(turned)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 9, 21, 25)
