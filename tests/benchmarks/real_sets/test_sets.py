from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.quality.real_sets.corrected import corrected_part
from benchmarks.quality.real_sets.sets import find_sets


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


def test_corrected_images_are_those_with_objects_and_keep_all_of_them() -> None:
    truth = {
        "images": [{"id": i} for i in range(6)],
        "categories": [{"id": 1}],
        "annotations": [{"id": n, "image_id": n % 4} for n in range(12)],
    }
    part = corrected_part(truth, 3)
    ids = [image["id"] for image in part["images"]]
    assert len(ids) == 3
    assert set(ids) < {0, 1, 2, 3}
    assert [one["image_id"] for one in part["annotations"]].count(ids[0]) == 3
    assert part["categories"] == [{"id": 1}]
    assert corrected_part(json.loads(json.dumps(truth)), 3) == part
    assert len(corrected_part(truth, 9)["images"]) == 4
