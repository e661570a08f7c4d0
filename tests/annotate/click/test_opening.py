import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sapnet.annotate.documents import Document
from sapnet.data.clicks import load_clicks
from tests.annotate.click.test_click_file import click, open_file, read


def test_keys_that_sapnet_does_not_know_are_kept(folder: Path) -> None:
    path = folder.parent / "clicks.json"
    content = {
        "info": {"contributor": "Ada"},
        "licenses": [{"id": 1}],
        "images": [{"id": 7, "file_name": "a.png", "width": 64, "height": 48, "license": 1}],
        "categories": [{"id": 9, "name": "cat", "supercategory": "animal"}],
        "annotations": [
            {"id": 30, "image_id": 7, "category_id": 9, "point": [3, 4], "reviewer": "Bo"},
            {"id": 31, "image_id": 7, "category_id": 9, "point": [5, 6]},
        ],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    file = open_file(folder, classes=("cat", "dog"))
    before = file.document("a.png")
    file.replace("a.png", replace(before, objects=(*before.objects, click(1, 1, 10))), None)
    found = read(path)
    assert found["info"] == {"contributor": "Ada"}
    assert found["licenses"] == [{"id": 1}]
    assert found["images"] == content["images"]
    assert found["categories"][0] == content["categories"][0]
    assert found["categories"][1] == {"id": 10, "name": "dog"}
    assert found["annotations"][0] == {**content["annotations"][0], "point": [3.0, 4.0]}
    assert found["annotations"][2]["id"] == 32


def test_clicks_of_images_that_are_missing_are_kept(folder: Path) -> None:
    path = folder.parent / "clicks.json"
    content = {
        "images": [{"id": 1, "file_name": "gone.jpg", "width": 9, "height": 9}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "point": [3, 4]}],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    file = open_file(folder, classes=())
    file.replace("a.png", Document((click(1, 1),)), None)
    found = load_clicks(path)
    assert [image.file_name for image in found.images] == ["gone.jpg", "a.png"]
    assert [c.point for c in found.clicks] == [(3, 4), (1, 1)]


def test_clicks_before_the_turn_are_turned_along(
    folder: Path, save_image: Callable[..., object]
) -> None:
    save_image(folder / "turned.jpg", (60, 100), orientation=6)
    path = folder.parent / "clicks.json"
    content = {
        "images": [{"id": 1, "file_name": "turned.jpg", "width": 100, "height": 60}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "point": [10.5, 20.5]}],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    file = open_file(folder, classes=())
    assert file.document("turned.jpg").objects[0].point == (39.5, 10.5)
    assert file.record("turned.jpg").width == 60


def test_without_classes_the_page_asks(folder: Path) -> None:
    file = open_file(folder, classes=())
    assert file.categories == ()


def test_partial_images_and_regions_to_ignore_stay(folder: Path) -> None:
    path = folder.parent / "clicks.json"
    content = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 64, "height": 48, "done": False},
            {"id": 8, "file_name": "gone.png", "width": 64, "height": 48, "done": True,
             "not_exhaustive_category_ids": [2]},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 3, "image_id": 7, "category_id": 1, "point": [3, 4]},
            {"id": 4, "image_id": 7, "category_id": 2, "bbox": [30, 10, 8, 6], "iscrowd": 1},
        ],
    }  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    before = load_clicks(path).coverage
    file = open_file(folder, classes=())
    document = file.document("a.png")
    assert not document.is_done
    version = file.replace("a.png", Document((*document.objects, click(1, 1))), None)
    found = load_clicks(path)
    assert found.coverage == before
    assert [c.annotation_id for c in found.clicks] == [3, 5]
    done = replace(file.document("a.png"), is_done=True)
    del version
    file.replace("a.png", done, None)
    assert load_clicks(path).coverage[7] == replace(before[7], partial=())
