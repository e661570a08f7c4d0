import json
from pathlib import Path
from typing import Any

import pytest

from sapnet.data.matching.results import check_results, load_results

RECORD: dict[str, Any] = {
    "image_id": 1,
    "category_id": 2,
    "segmentation": {"size": [6, 8], "counts": "01"},
    "score": 0.5,
}


def test_sound_records(tmp_path: Path) -> None:
    named = {**RECORD, "file_name": "a.png", "category_name": "cup", "bbox": [0, 1, 2.5, 3]}
    path = tmp_path / "r.json"
    path.write_text(json.dumps([named, named]), encoding="utf-8-sig")
    assert load_results(path) == [named, named]
    assert check_results([], "r") == []
    assert check_results([{**RECORD, "bbox": None, "score": -3}], "r")[0]["score"] == -3
    polygons = {**RECORD, "segmentation": [[0, 0, 4, 0, 4, 4]]}
    assert check_results([polygons], "r") == [polygons]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": "1"}, r"expected 'image_id' as an integer, found '1' \(text\)"),
        ({"image_id": 1.0}, r"expected 'image_id' as an integer, found 1\.0 \(float\)"),
        ({"image_id": True}, r"expected 'image_id' as an integer, found True \(true or false\)"),
        ({"image_id": None}, r"expected 'image_id' as an integer, found None \(nothing\)"),
        ({"image_id": 2**63}, r"expected 'image_id' of at most 64 bits"),
        ({"category_id": "2"}, r"expected 'category_id' as an integer, found '2' \(text\)"),
        ({"category_id": -(2**70)}, r"expected 'category_id' of at most 64 bits"),
        ({"score": "0.9"}, r"expected 'score' as a finite number, found '0\.9' \(text\)"),
        ({"score": float("nan")}, r"expected 'score' as a finite number, found nan"),
        ({"score": 10**400}, r"expected 'score' as a finite number"),
        ({"score": None}, r"expected 'score' as a finite number, found None"),
        ({"file_name": 7}, r"expected 'file_name' as text of at most 1000 characters, found 7"),
        ({"file_name": ""}, r"expected 'file_name' as text"),
        ({"category_name": []}, r"expected 'category_name' as text"),
        ({"bbox": [1, 2, 3]}, r"expected 'bbox' as 4 finite numbers"),
        ({"bbox": [1, 2, 3, "4"]}, r"expected 'bbox' as 4 finite numbers"),
        ({"bbox": 5}, r"expected 'bbox' as 4 finite numbers"),
        ({"segmentation": None}, r"expected 'segmentation' as run lengths or polygons"),
        ({"segmentation": []}, r"expected 'segmentation' as run lengths or polygons"),
        ({"segmentation": {"size": [6], "counts": ""}}, r"expected 'segmentation' as run lengths"),
        ({"segmentation": {"size": ["6", 8], "counts": ""}}, r"expected 'segmentation' as run"),
        ({"segmentation": {"size": [0, 8], "counts": ""}}, r"expected 'segmentation' as run"),
        ({"segmentation": {"size": [6, 8]}}, r"expected 'segmentation' as run lengths"),
    ],
)
def test_broken_records_are_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps([RECORD, {**RECORD, **change}]))
    with pytest.raises(ValueError, match=rf"r\.json, record 1: {message}"):
        load_results(path)


@pytest.mark.parametrize("key", sorted(RECORD))
def test_missing_keys_are_named(key: str) -> None:
    broken = {name: value for name, value in RECORD.items() if name != key}
    with pytest.raises(ValueError, match=f"^r, record 0: missing {key}"):
        check_results([broken], "r")


@pytest.mark.parametrize("content", [{}, "text", 5, None])
def test_results_are_a_list(content: object, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"r\.json: expected a list of COCO results, found"):
        load_results(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it cannot be parsed"),
        ("[", "it cannot be parsed"),
        ("[1" + "0" * 5000 + "]", "it cannot be parsed"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_json(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"r\.json: expected json, but {reason}"):
        load_results(path)


def test_a_record_is_an_object() -> None:
    with pytest.raises(ValueError, match=r"r, record 1: expected an object, found list"):
        check_results([RECORD, [1]], "r")


@pytest.mark.parametrize("key", ["file_name", "category_name"])
def test_names_are_in_all_records_or_in_none(key: str) -> None:
    with pytest.raises(
        ValueError, match=rf"r, record 1: expected '{key}' in all records or in none"
    ):
        check_results([{**RECORD, key: "a"}, RECORD], "r")
