from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sapnet.data.coco import load_instances
from sapnet.pretraining.config import SourceConfig
from sapnet.pretraining.merging import merge_sources


def write_set(folder: Path, objects: list[tuple[int, int, int]], num_images: int = 3) -> Path:
    """A set of images of 20 x 10 px; each object is (image, category, is a crowd)."""
    (folder / "images").mkdir(parents=True)
    square = [[1, 1, 5, 1, 5, 4, 1, 4]]
    content: dict[str, Any] = {
        "images": [
            {"id": 10 * i, "file_name": f"{i}.jpg", "height": 10, "width": 20}
            for i in range(1, num_images + 1)
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": image, "category_id": c, "iscrowd": crowd, "segmentation": square}
            for i, (image, c, crowd) in enumerate(objects)
        ],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


def source(folder: Path, **settings: Any) -> SourceConfig:  # noqa: ANN401  # fields
    return SourceConfig(folder / "images", folder / "instances.json", **settings)


def test_two_sets_become_one_of_one_category(tmp_path: Path) -> None:
    a = write_set(tmp_path / "a", [(10, 3, 0), (10, 5, 0), (20, 5, 1), (30, 5, 0)])
    b = write_set(tmp_path / "b", [(20, 5, 0), (20, 3, 0)])
    merged = merge_sources([source(a), source(b, repeats=2, categories=(3,))], tmp_path)
    # The second image of a has a crowd alone; the others of b have no object of category 3.
    names = [(image["id"], image["file_name"]) for image in merged["images"]]
    assert names == [
        (1, "a/images/1.jpg"),
        (2, "a/images/3.jpg"),
        (3, "b/images/2.jpg"),
        (4, "b/images/2.jpg"),
    ]
    owners = [(entry["id"], entry["image_id"]) for entry in merged["annotations"]]
    assert owners == [(1, 1), (2, 1), (3, 2), (4, 3), (5, 4)]
    (tmp_path / "merged.json").write_text(json.dumps(merged))
    read = load_instances(tmp_path / "merged.json")
    assert [category.name for category in read.categories] == ["object"]
    assert {instance.category_id for instance in read.instances} == {1}
    assert [instance.area for instance in read.instances] == [12.0] * 5
    assert read.instances[0].box == (1, 1, 5, 4)


def test_crowds_of_kept_images_stay_crowds(tmp_path: Path) -> None:
    a = write_set(tmp_path / "a", [(10, 3, 0), (10, 3, 1)])
    merged = merge_sources([source(a)], tmp_path)
    assert [entry["iscrowd"] for entry in merged["annotations"]] == [0, 1]


def test_a_limit_spreads_over_the_file(tmp_path: Path) -> None:
    a = write_set(tmp_path / "a", [(10 * i, 3, 0) for i in range(1, 9)], num_images=8)
    names = [i["file_name"] for i in merge_sources([source(a, limit=3)], tmp_path)["images"]]
    assert names == ["a/images/1.jpg", "a/images/3.jpg", "a/images/6.jpg"]
    assert len(merge_sources([source(a, limit=20)], tmp_path)["images"]) == 8


def test_a_set_without_an_object_is_named(tmp_path: Path) -> None:
    a = write_set(tmp_path / "a", [(10, 3, 0)])
    with pytest.raises(ValueError, match=r"instances.json: .*categories \(5,\), found none"):
        merge_sources([source(a, categories=(5,))], tmp_path)


def test_images_outside_the_root_are_refused(tmp_path: Path) -> None:
    a = write_set(tmp_path / "a", [(10, 3, 0)])
    with pytest.raises(
        ValueError, match=r"expected a folder of images below .*, found one outside"
    ):
        merge_sources([source(a)], tmp_path / "b")
