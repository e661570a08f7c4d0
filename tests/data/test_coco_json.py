import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sapnet.data.coco_json import (
    Entry,
    is_number,
    label_of_category,
    read_category,
    read_coco,
    read_each,
    section_entries,
)
from sapnet.data.problems import RecordError
from sapnet.structures.clicks import Category, ImageRecord

Content = dict[str, Any]
Write = Callable[[Content], Path]


def test_reads_the_frame(write_json: Write, content: Content) -> None:
    coco = read_coco(write_json(content))
    assert coco.images == (ImageRecord(5, "a.jpg", 640, 480),)
    assert coco.categories == (Category(3, "cat"), Category(7, "dog"))  # ascending ids
    assert coco.annotations == tuple(content["annotations"])


def test_labels_follow_ascending_ids() -> None:
    assert label_of_category([Category(90, "b"), Category(2, "a")]) == {2: 0, 90: 1}
    assert label_of_category([]) == {}


def test_empty_sections_are_fine(write_json: Write) -> None:
    coco = read_coco(write_json({"images": [], "categories": [], "annotations": []}))
    assert coco.annotations == ()


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"images": [], "categories": [], "annotations": []}', encoding="utf-8-sig")
    assert read_coco(path).images == ()


@pytest.mark.parametrize("text", ["{", "", "\x00"])
def test_not_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.json: expected json"):
        read_coco(path)


def test_other_json(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    path.write_text("[1]")
    with pytest.raises(ValueError, match="expected an object with the keys"):
        read_coco(path)
    with pytest.raises(FileNotFoundError, match=r"no\.json: no such file"):
        read_coco(tmp_path / "no.json")


@pytest.mark.parametrize("key", ["images", "categories", "annotations"])
def test_missing_section(write_json: Write, content: Content, key: str) -> None:
    del content[key]
    with pytest.raises(ValueError, match=f"clicks.json: expected '{key}' as a list"):
        read_coco(write_json(content))


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("images", "id"),
        ("images", "file_name"),
        ("images", "width"),
        ("categories", "name"),
        ("annotations", "id"),
        ("annotations", "image_id"),
        ("annotations", "category_id"),
    ],
)
def test_missing_key(write_json: Write, content: Content, section: str, key: str) -> None:
    del content[section][0][key]
    with pytest.raises(
        ValueError, match=f"entry 1 of {section}: expected the key '{key}' in every entry"
    ):
        read_coco(write_json(content))


@pytest.mark.parametrize(
    ("section", "kind"),
    [("images", "image"), ("categories", "category"), ("annotations", "annotation")],
)
def test_duplicate_ids(write_json: Write, content: Content, section: str, kind: str) -> None:
    content[section].append(content[section][0])
    with pytest.raises(ValueError, match=f"every {kind} id once, but .* occurs twice"):
        read_coco(write_json(content))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("image_id", 99, r"object 17 \(image 99\): expected an image id listed in 'images'"),
        ("category_id", 99, "expected a category id listed in 'categories', found 99"),
        ("id", "17", "expected 'id' as an integer, found '17'"),
        ("id", True, "expected 'id' as an integer, found True"),
    ],
)
def test_bad_reference(
    write_json: Write, content: Content, key: str, value: object, message: str
) -> None:
    content["annotations"][0][key] = value
    with pytest.raises(ValueError, match=message):
        read_coco(write_json(content))


def test_image_without_pixels(write_json: Write, content: Content) -> None:
    content["images"][0]["width"] = 0
    with pytest.raises(ValueError, match=r"image 5: expected a width and height .* 0 x 480"):
        read_coco(write_json(content))


def test_broken_entries_are_reported_by_number_and_left_out() -> None:
    content = {"categories": [{"id": 3, "name": "cat"}, {"id": "x", "name": "dog"}]}
    problems: list[RecordError] = []
    entries = section_entries(Path("a.json"), content, "categories", problems.append)
    assert read_each(entries, read_category, problems.append) == [(3, Category(3, "cat"))]
    (problem,) = problems
    assert str(problem).startswith("a.json, entry 2 of categories: expected 'id' as an integer")
    assert problem.kind == "not an integer"


def test_a_missing_key_is_named() -> None:
    with pytest.raises(RecordError, match="expected the key 'name'"):
        read_category(Entry(Path("a.json"), "categories", 1, {"id": 1}))


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        (
            "annotations",
            {"id": 2**63},
            r"expected 'id' of at most 64 bits, found 9223372036854775808",
        ),
        ("annotations", {"id": 2**70}, r"entry 1 of annotations: expected 'id' of at most 64 bits"),
        ("annotations", {"image_id": "1"}, r"expected 'image_id' as an integer, found '1'"),
        ("annotations", {"category_id": 1.0}, r"expected 'category_id' as an integer, found 1\.0"),
        ("images", {"id": -(2**64)}, r"entry 1 of images: expected 'id' of at most 64 bits"),
        ("images", {"width": 2**64}, r"expected 'width' of at most 64 bits"),
        ("images", {"file_name": 7}, r"entry 1 of images: expected 'file_name' as text, found 7"),
        ("images", {"file_name": ""}, r"expected 'file_name' as text"),
        (
            "categories",
            {"name": None},
            r"entry 1 of categories: expected 'name' as text, found None",
        ),
        ("categories", {"id": True}, r"expected 'id' as an integer, found True"),
    ],
)
def test_ids_and_names_of_another_kind(
    tmp_path: Path, section: str, change: dict[str, object], message: str
) -> None:
    content: dict[str, list[dict[str, object]]] = {
        "images": [{"id": 1, "file_name": "a.png", "width": 8, "height": 6}],
        "categories": [{"id": 1, "name": "cup"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1}],
    }
    content[section][0] |= change
    path = tmp_path / "c.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"c\.json, .*{message}"):
        read_coco(path)


def test_numbers_too_large_for_a_float_are_no_numbers() -> None:
    assert not is_number(10**400)
    assert is_number(10**300)
