"""Labels that exist already, opened as objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.labels import begin_with_labels, class_names
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.documents import Document
from sapnet.annotate.listing import ImageListing
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import encode_masks, rle_to_json
from sapnet.structures.clicks import Click


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


def opened(labels: Path) -> tuple[ImageListing, ClickFile]:
    folder = labels.parent
    names = ("car", *class_names(labels))
    return open_click_file(folder / "images", folder / "clicks.json", names)


def test_untouched_images_begin_with_the_labels(labels: Path) -> None:
    listing, file = opened(labels)
    mine = Click(0, 1, 1, ((1.5, 1.5),))
    file.replace("a.png", Document((mine,)), None)
    begin_with_labels(file, listing, labels)
    assert [c.category_id for c in file.document("a.png").objects] == [1]  # it keeps its own
    (begun,) = file.document("b.png").objects
    assert begun.mask is not None
    assert (begun.category_id, file.categories[1].name) == (2, "zebra")
    assert 20 <= begun.point[0] < 50
    assert 10 <= begun.point[1] < 30
    file.replace("a.png", file.document("a.png"), None)  # any change saves all
    saved = load_clicks(file.path)
    assert [(c.category_id, c.mask is not None) for c in saved.clicks] == [(1, False), (2, True)]
    listing, again = opened(labels)
    begin_with_labels(again, listing, labels)
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
    listing, file = opened(labels)
    with pytest.raises(ValueError, match=r"expected a.png of 64 x 48 px"):
        begin_with_labels(file, listing, labels)
