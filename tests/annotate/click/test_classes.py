"""Classes that come, go and change while somebody clicks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from PIL import Image

from sapnet.annotate.click.classes import ClassChange, change_classes, describe_classes
from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.documents import Document
from sapnet.data.clicks import load_clicks
from sapnet.data.coverage.completeness import moved_marks
from sapnet.structures.clicks import Click


@pytest.fixture
def file(tmp_path: Path) -> ClickFile:
    """Two classes: 1 with two objects, 2 with one."""
    images = tmp_path / "images"
    images.mkdir()
    for name in "abc":
        Image.new("RGB", (64, 48)).save(images / f"{name}.png")
    _, file = open_click_file(images, tmp_path / "clicks.json", ("person", "car"))
    first = (Click(0, 1, 1, ((1.5, 1.5),)), Click(0, 1, 2, ((9.5, 9.5),)))
    file.replace("a.png", Document(first), None)
    file.replace("b.png", Document((Click(0, 2, 1, ((5.5, 5.5),)),)), None)
    return file


def on_disk(file: ClickFile) -> dict[str, int]:
    clicks = load_clicks(file.path)
    return {
        c.name: sum(click.category_id == c.category_id for click in clicks.clicks)
        for c in clicks.categories
    }


def test_a_folder_needs_no_classes_to_begin(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (64, 48)).save(images / "a.png")
    _, file = open_click_file(images, tmp_path / "clicks.json", ())
    assert file.categories == ()
    change_classes(file, ClassChange(action="add", name=" zebra "))
    assert on_disk(file) == {"zebra": 0}
    _, again = open_click_file(images, tmp_path / "clicks.json", ())
    assert [category.name for category in again.categories] == ["zebra"]


def test_adding_renaming_and_recolouring(file: ClickFile) -> None:
    change_classes(file, ClassChange(action="add", name="dog"))
    change_classes(file, ClassChange(action="rename", id=1, name="human"))
    change_classes(file, ClassChange(action="recolor", id=2, color="#123456"))
    assert on_disk(file) == {"human": 2, "car": 1, "dog": 0}
    listing, again = open_click_file(file.path.parent / "images", file.path, ())
    del listing
    assert describe_classes(again) == [
        {"id": 1, "name": "human", "color": None, "objects": 2},
        {"id": 2, "name": "car", "color": "#123456", "objects": 1},
        {"id": 3, "name": "dog", "color": None, "objects": 0},
    ]


def marks(file: ClickFile) -> dict[str, tuple[int, ...] | None]:
    """Return the partial categories of each image of the file, by name."""
    clicks = load_clicks(file.path)
    return {
        image.file_name: found.partial if (found := clicks.coverage.get(image.image_id)) else None
        for image in clicks.images
    }


def test_nobody_looked_for_a_new_class_on_images_that_were_done(file: ClickFile) -> None:
    a = file.document("a.png").objects
    file.replace("a.png", Document(a, is_done=True), None)
    file.replace("c.png", Document((), is_done=True), None)
    version = file.document("a.png").version
    change_classes(file, ClassChange(action="add", name="dog"))
    assert marks(file) == {"a.png": (3,), "b.png": None, "c.png": (3,)}
    assert file.document("a.png").version != version  # an open page has to look again
    change_classes(file, ClassChange(action="add", name="cat"))
    assert marks(file) == {"a.png": (3, 4), "b.png": None, "c.png": (3, 4)}
    folder = file.path.parent / "images"
    _, again = open_click_file(folder, file.path, ("cow",))
    assert [again.summary(f"{name}.png")[1] for name in "abc"] == [False] * 3
    again.replace("a.png", Document(a, is_done=True), None)  # somebody looked, and took it back
    assert marks(again) == {"a.png": (), "b.png": None, "c.png": (3, 4, 5)}
    again.replace("a.png", Document(a), None)
    assert marks(again) == {"a.png": None, "b.png": None, "c.png": (3, 4, 5)}


def test_a_new_class_that_is_deleted_leaves_the_images_done(file: ClickFile) -> None:
    file.replace("a.png", Document(file.document("a.png").objects, is_done=True), None)
    change_classes(file, ClassChange(action="add", name="dog"))
    change_classes(file, ClassChange(action="delete", id=3, objects=0))
    assert marks(file)["a.png"] == ()
    assert file.summary("a.png") == (2, True)


def test_merging_and_deleting(file: ClickFile) -> None:
    version = file.document("b.png").version
    change_classes(file, ClassChange(action="merge", id=1, into=2, objects=2))
    assert on_disk(file) == {"car": 3}
    assert file.document("b.png").version != version  # an open page has to look again
    change_classes(file, ClassChange(action="delete", id=2, objects=3))
    assert on_disk(file) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"action": "add", "name": "car"}, "no other class has"),
        ({"action": "add", "name": "  "}, "no other class has"),
        ({"action": "rename", "id": 1, "name": "car"}, "no other class has"),
        ({"action": "rename", "id": 9, "name": "x"}, "expected a class of"),
        ({"action": "delete", "id": 1, "objects": 1}, "expected 1 objects, found 2"),
        ({"action": "merge", "id": 1, "into": 1, "objects": 2}, "another class"),
        ({"action": "merge", "id": 1, "into": 7, "objects": 2}, "another class"),
    ],
)
def test_changes_that_do_not_fit_change_nothing(
    file: ClickFile, change: dict[str, object], words: str
) -> None:
    before = file.path.read_bytes()
    with pytest.raises(ValueError, match=words):
        change_classes(file, ClassChange.model_validate(change))
    assert file.path.read_bytes() == before
    assert on_disk(file) == {"person": 2, "car": 1}


def test_marks_and_regions_follow_a_merged_class(file: ClickFile) -> None:
    """What may not be clicked of a class may not be clicked of the one that takes its objects."""
    region = {"id": 90, "image_id": 1, "category_id": 2, "iscrowd": 1, "bbox": [20, 20, 8, 8]}
    content = json.loads(file.path.read_text("utf-8"))
    content["images"][0] |= {"done": True, "not_exhaustive_category_ids": [2]}
    content["annotations"].append(region)
    file.path.write_text(json.dumps(content), "utf-8")
    folder = file.path.parent / "images"
    for into, partial, num_regions in ((1, (1,), 1), (None, (), 0)):
        path = file.path.with_name(f"{into}.json")
        path.write_text(json.dumps(content), "utf-8")
        _, opened = open_click_file(folder, path, ())
        left = tuple(c for c in opened.categories if c.category_id == 1)
        opened.replace_classes(left, moved={2: into})
        coverage = load_clicks(path).coverage[1]
        assert coverage.partial == partial
        assert [r.category_id for r in coverage.ignored] == [1] * num_regions


def test_absent_classes_after_a_merge() -> None:
    keys = {"neg_category_ids": [1, 2, 5], "not_exhaustive_category_ids": [3, 4], "seen": True}
    merged = moved_marks(keys, {2: 1, 3: 4})
    assert merged == {
        "neg_category_ids": [1, 5],
        "not_exhaustive_category_ids": [4],
        "seen": True,
    }
    assert moved_marks(keys, {6: 5})["neg_category_ids"] == [1, 2]  # 6 was not looked for
