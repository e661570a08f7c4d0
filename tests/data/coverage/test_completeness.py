"""Which images are complete or partial, by the keys of a COCO-style file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.coco_json import read_coco
from sapnet.data.coverage.completeness import read_partial
from sapnet.data.problems import raise_first
from sapnet.structures.clicks import Coverage
from sapnet.structures.coverage import NOTHING_SAID, coverage_of, mark_unmarked, partial_categories


def content(**keys: object) -> dict[str, Any]:
    """One image with one object of category 3 of 3, 7, 9."""
    return {
        "images": [{"id": 5, "file_name": "a.jpg", "width": 40, "height": 30, **keys}],
        "categories": [{"id": i, "name": f"c{i}"} for i in (3, 7, 9)],
        "annotations": [{"id": 1, "image_id": 5, "category_id": 3, "point": [4.5, 6.5]}],
    }


def write(folder: Path, value: dict[str, Any]) -> Path:
    path = folder / "clicks.json"
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    ("keys", "partial"),
    [
        ({}, None),
        ({"done": None}, None),
        ({"done": True}, ()),
        ({"done": False}, (3, 7, 9)),
        ({"not_exhaustive_category_ids": [7]}, (7,)),
        ({"done": True, "not_exhaustive_category_ids": [9, 3]}, (3, 9)),
        # LVIS: 7 was verified to be absent, 3 is annotated, 9 was not looked for.
        ({"neg_category_ids": [7]}, (9,)),
        ({"neg_category_ids": [7], "not_exhaustive_category_ids": [3]}, (3, 9)),
        ({"neg_category_ids": []}, (7, 9)),
        ({"done": False, "neg_category_ids": [9]}, (3, 7)),
        ({"done": True, "neg_category_ids": [9]}, ()),
        ({"not_exhaustive_category_ids": [500]}, ()),  # of a larger file
    ],
)
def test_keys_of_an_image(
    tmp_path: Path, keys: dict[str, object], partial: tuple[int, ...] | None
) -> None:
    path = write(tmp_path, content(**keys))
    assert read_partial(read_coco(path), raise_first).get(5) == partial
    clicks = load_clicks(path)
    assert coverage_of(clicks.coverage, clicks.images[0]).partial == partial
    again = load_clicks(save_clicks(tmp_path / "again.json", clicks))
    assert again.coverage == clicks.coverage


def test_instances_have_it_too(tmp_path: Path) -> None:
    value = content(done=False)
    value["annotations"][0]["segmentation"] = [[1, 1, 9, 1, 9, 9]]
    assert load_instances(write(tmp_path, value)).partial == {5: (3, 7, 9)}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"done": "yes"}, r"image 5: expected 'done' as true .* found 'yes'"),
        ({"neg_category_ids": 7}, "'neg_category_ids' as a list of category ids, as in LVIS"),
        ({"not_exhaustive_category_ids": ["car"]}, "'not_exhaustive_category_ids' as a list"),
        ({"not_exhaustive_category_ids": [True]}, "'not_exhaustive_category_ids' as a list"),
    ],
)
def test_what_is_neither_is_named(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_clicks(write(tmp_path, content(**keys)))


def test_a_file_without_marks_is_written_as_before(tmp_path: Path) -> None:
    path = save_clicks(tmp_path / "again.json", load_clicks(write(tmp_path, content())))
    (image,) = json.loads(path.read_text())["images"]
    assert image == {"id": 5, "file_name": "a.jpg", "width": 40, "height": 30}


def test_unmarked_images_count_as_told() -> None:
    ids = (3, 7)
    assert partial_categories(NOTHING_SAID, ids, "complete") == ()
    assert partial_categories(NOTHING_SAID, ids, "partial") == ids
    assert partial_categories(Coverage(()), ids, "partial") == ()
    assert partial_categories(Coverage((7,)), ids, "complete") == (7,)
    marked = mark_unmarked({1: Coverage((7,))}, [1, 2], ids, "partial")
    assert marked == {1: Coverage((7,)), 2: Coverage((3, 7))}
    assert mark_unmarked({}, [1], ids, "complete") == {1: Coverage(())}
