"""Labels that exist already, opened as objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.labels import begin_with_labels, read_labels
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.documents import Document
from sapnet.annotate.listing import ImageListing
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import encode_masks, rle_to_json
from sapnet.structures.clicks import Click, ClickSet


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """One object on each of two images, of a class that the clicks do not have."""
    images = tmp_path / "images"
    images.mkdir()
    mask = np.zeros((1, 48, 64), np.uint8)
    mask[0, 10:30, 20:50] = 1
    rle = rle_to_json(encode_masks(mask)[0])
    for name in "ab":
        Image.new("RGB", (64, 48)).save(images / f"{name}.png")
    content = {
        "images": [
            {"id": i, "file_name": f"{name}.png", "width": 64, "height": 48}
            for i, name in enumerate("ab", 7)
        ],
        "categories": [{"id": 3, "name": "zebra"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 3, "segmentation": rle, "score": 0.5}
            for i in (7, 8)
        ],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def opened(labels: Path) -> tuple[ImageListing, ClickFile, ClickSet]:
    folder = labels.parent
    found = read_labels(labels, folder / "images")
    names = ("car", *(category.name for category in found.categories))
    return *open_click_file(folder / "images", folder / "clicks.json", names), found


def test_untouched_images_begin_with_the_labels(labels: Path) -> None:
    listing, file, found = opened(labels)
    mine = Click(0, 1, 1, ((1.5, 1.5),))
    file.replace("a.png", Document((mine,)), None)
    begin_with_labels(file, listing, found)
    assert [c.category_id for c in file.document("a.png").objects] == [1]  # it keeps its own
    (begun,) = file.document("b.png").objects
    assert begun.mask is not None
    assert (begun.category_id, file.categories[1].name) == (2, "zebra")
    assert 20 <= begun.point[0] < 50
    assert 10 <= begun.point[1] < 30
    file.replace("a.png", file.document("a.png"), None)  # any change saves all
    saved = load_clicks(file.path)
    assert [(c.category_id, c.mask is not None) for c in saved.clicks] == [(1, False), (2, True)]
    listing, again, found = opened(labels)
    begin_with_labels(again, listing, found)
    assert again.document("b.png").objects == file.document("b.png").objects


def test_labels_of_other_images_are_refused(labels: Path) -> None:
    content: dict[str, Any] = json.loads(labels.read_text(encoding="utf-8"))
    for entry in (*content["images"],):
        entry["width"] = 60
    mask = np.zeros((1, 48, 60), np.uint8)
    mask[0, 3:9, 3:9] = 1
    for entry in content["annotations"]:
        entry["segmentation"] = rle_to_json(encode_masks(mask)[0])
    labels.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"found none \(.*a.png: 60 x 48 listed, 64 x 48 found"):
        opened(labels)


def test_boxes_open_without_masks(labels: Path) -> None:
    content: dict[str, Any] = json.loads(labels.read_text(encoding="utf-8"))
    for entry in content["annotations"]:
        del entry["segmentation"]
        entry["bbox"] = [20, 10, 30, 20]
    labels.write_text(json.dumps(content), encoding="utf-8")
    listing, file, found = opened(labels)
    begin_with_labels(file, listing, found)
    (begun,) = file.document("a.png").objects
    assert (begun.box, begun.points, begun.mask) == ((20, 10, 50, 30), ((35, 20),), None)


def test_results_of_a_prediction_open(labels: Path) -> None:
    content: dict[str, Any] = json.loads(labels.read_text(encoding="utf-8"))
    (entry, _) = content["annotations"]
    record = {"image_id": 0, "file_name": "b.png", "category_id": 4, "category_name": "okapi"}
    segmentation = {"segmentation": entry["segmentation"], "score": 0.7}
    labels.write_text(json.dumps([{**record, **segmentation}]), encoding="utf-8")
    listing, file, found = opened(labels)
    assert [category.name for category in file.categories] == ["car", "okapi"]
    begin_with_labels(file, listing, found)
    assert file.document("a.png").objects == ()
    (begun,) = file.document("b.png").objects
    assert (begun.category_id, begun.mask is not None) == (2, True)


def test_regions_of_many_objects_are_no_objects(labels: Path) -> None:
    content: dict[str, Any] = json.loads(labels.read_text(encoding="utf-8"))
    content["annotations"][0]["iscrowd"] = 1
    labels.write_text(json.dumps(content), encoding="utf-8")
    listing, file, found = opened(labels)
    begin_with_labels(file, listing, found)
    assert file.document("a.png").objects == ()
    assert len(file.document("b.png").objects) == 1
