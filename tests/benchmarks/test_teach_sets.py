"""Parts of the benchmark of fine-tuning: its train images and its val objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.quality.teach_sets import first_images, val_objects
from sapnet.data.coco import load_instances

if TYPE_CHECKING:
    from tests.conftest import TinySet


def names(content: dict[str, Any]) -> list[str]:
    return [image["file_name"] for image in content["images"]]


def test_fewer_images_are_a_part_of_more(tiny_set: TinySet) -> None:
    two, five = (first_images(tiny_set.truth, count) for count in (2, 5))
    assert len(names(two)) == 2
    assert names(five)[:2] == names(two)
    ids = {image["id"] for image in five["images"]}
    truth = json.loads(tiny_set.truth.read_text())
    expected = sum(entry["image_id"] in ids for entry in truth["annotations"])
    assert len(five["annotations"]) == expected


def test_val_objects_have_a_click_on_them(tiny_set: TinySet, tmp_path: Path) -> None:
    (tmp_path / "instances_val.json").write_bytes(tiny_set.truth.read_bytes())
    found = val_objects(tmp_path)
    assert [image.path.parent for image in found] == [tmp_path / "images" / "val"] * 8
    objects = [marked for image in found for marked in image.objects]
    assert len(objects) == len(load_instances(tiny_set.truth).instances)
    for marked in objects:
        assert marked.click is not None
        x, y = marked.click.point
        x1, y1, x2, y2 = marked.box
        assert x1 <= x <= x2
        assert y1 <= y <= y2
