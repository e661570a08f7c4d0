from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.quality.real_sets.sets import find_sets, limit_set, some_images


def make_set(folder: Path) -> None:
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / f"instances_{split}.json").write_text("{}")


def test_sets_are_found_in_a_folder_of_sets(tmp_path: Path) -> None:
    for name in ("b", "a"):
        make_set(tmp_path / name)
    (tmp_path / "README.md").write_text("")
    assert [one.name for one in find_sets([tmp_path])] == ["a", "b"]
    (alone,) = find_sets([tmp_path / "b"])
    assert alone.split("val").images == tmp_path / "b" / "images" / "val"
    assert alone.train.clicks is None


def test_coco_brings_its_clicks_where_it_has_them(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    for split in ("train2017", "val2017"):
        (tmp_path / split).mkdir()
        (tmp_path / "annotations" / f"instances_{split}.json").write_text("{}")
    (tmp_path / "points_val2017.json").write_text("{}")
    (found,) = find_sets([tmp_path])
    assert found.train.clicks is None
    assert found.val.clicks == tmp_path / "points_val2017.json"
    assert found.val.truth == tmp_path / "annotations" / "instances_val2017.json"


def test_a_folder_that_is_no_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="images/train"):
        find_sets([tmp_path])
    make_set(tmp_path / "one" / "a")
    make_set(tmp_path / "two" / "a")
    with pytest.raises(SystemExit, match="named a"):
        find_sets([tmp_path / "one", tmp_path / "two"])


def test_some_images_are_those_with_objects_and_keep_all_of_them() -> None:
    truth = {
        "images": [{"id": i} for i in range(6)],
        "categories": [{"id": 1}],
        "annotations": [{"id": n, "image_id": n % 4} for n in range(12)],
    }
    part = some_images(truth, 3)
    ids = [image["id"] for image in part["images"]]
    assert len(ids) == 3
    assert set(ids) < {0, 1, 2, 3}
    assert [one["image_id"] for one in part["annotations"]].count(ids[0]) == 3
    assert part["categories"] == [{"id": 1}]
    assert some_images(json.loads(json.dumps(truth)), 3) == part
    assert len(some_images(truth, 9)["images"]) == 4


def test_a_limited_set_has_the_drawn_images_alone(tmp_path: Path) -> None:
    make_set(tmp_path / "a")
    truth = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(5)],
        "categories": [],
        "annotations": [{"id": i, "image_id": i} for i in range(5)],
    }
    for split in ("train", "val"):
        (tmp_path / "a" / f"instances_{split}.json").write_text(json.dumps(truth))
        for i in range(5):
            (tmp_path / "a" / "images" / split / f"{i}.jpg").write_text(str(i))
    (whole,) = find_sets([tmp_path / "a"])
    for _ in range(2):
        part = limit_set(whole, 2, tmp_path / "part")
    assert part.name == "a"
    names = [one["file_name"] for one in json.loads(part.val.truth.read_text())["images"]]
    assert sorted(path.name for path in part.val.images.iterdir()) == names
    assert (part.val.images / names[0]).read_text() == names[0][0]
    assert len(names) == 2
