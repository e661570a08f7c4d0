import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.annotate.documents import (
    ClickFile,
    Document,
    FileChangedError,
    VersionConflictError,
    open_click_file,
)
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Click
from sapnet.structures.masks import RLE


def click(
    x: float, y: float, category: int = 1, annotation_id: int = 0, mask: RLE | None = None
) -> Click:
    return Click(annotation_id, 0, category, ((x, y),), mask=mask)


def open_file(folder: Path, classes: tuple[str, ...] = ("person", "car")) -> ClickFile:
    return open_click_file(folder, folder.parent / "clicks.json", classes)[1]


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_a_change_is_on_disk_as_a_click_file(folder: Path) -> None:
    file = open_file(folder)
    objects = (
        click(5.5, 6.25),
        Click(0, 0, 2, ((1.0, 2.0), (3.0, 4.0)), negative_points=((9.5, 9.5),)),
    )
    saved = file.replace("a.png", Document(objects), file.document("a.png").version)
    found = load_clicks(file.path)
    assert [image.file_name for image in found.images] == ["a.png"]
    assert (found.images[0].width, found.images[0].height) == (64, 48)
    assert [category.name for category in found.categories] == ["person", "car"]
    assert found.clicks == saved.objects
    assert [c.annotation_id for c in found.clicks] == [1, 2]
    assert found.clicks[1].points == ((1.0, 2.0), (3.0, 4.0))
    assert found.clicks[1].negative_points == ((9.5, 9.5),)


def test_a_mask_is_saved_with_its_object(folder: Path) -> None:
    mask = np.zeros((1, 48, 64), np.uint8)
    mask[0, 3:9, 4:20] = 1
    (rle,) = encode_masks(mask)
    file = open_file(folder)
    file.replace("a.png", Document((click(5, 5, mask=rle),)), None)
    assert load_clicks(file.path).clicks[0].mask == rle


def test_the_file_is_continued_with_the_same_versions(folder: Path) -> None:
    file = open_file(folder)
    objects = (click(5.5, 6.25), Click(0, 0, 2, ((0.1, 0.2), (3, 4)), ((7, 8),)))
    file.replace("a.png", Document(objects), None)
    file.replace("süd/bäume 1.jpg", Document((click(99.99, 59.99),), is_done=True), None)
    again = open_file(folder, classes=())
    for name in ("a.png", "süd/bäume 1.jpg", "broken.jpg"):
        assert again.document(name) == file.document(name)
        assert again.document(name).version == file.document(name).version
    saved = again.replace("a.png", Document((*again.document("a.png").objects, click(1, 1))), None)
    assert [c.annotation_id for c in saved.objects] == [1, 2, 5]  # 4 is the second point's


def test_only_images_that_somebody_looked_at_are_listed(folder: Path) -> None:
    file = open_file(folder)
    file.replace("süd/bäume 1.jpg", Document(is_done=True), None)
    assert read(file.path)["images"] == [
        {"id": 3, "file_name": "süd/bäume 1.jpg", "width": 100, "height": 60, "done": True}
    ]
    file.replace("süd/bäume 1.jpg", Document(), None)
    assert read(file.path)["images"] == []


def test_a_change_of_an_old_version_is_refused(folder: Path) -> None:
    file = open_file(folder)
    empty = file.document("a.png").version
    first = file.replace("a.png", Document((click(1, 1),)), empty)
    with pytest.raises(VersionConflictError, match=r"a\.png was changed meanwhile") as caught:
        file.replace("a.png", Document((click(2, 2),)), empty)
    assert caught.value.document == first
    assert load_clicks(file.path).clicks == first.objects
    file.replace("a.png", Document((click(2, 2),)), first.version)
    assert load_clicks(file.path).clicks[0].point == (2, 2)


def test_other_images_are_not_in_conflict(folder: Path) -> None:
    file = open_file(folder)
    empty = Document().version
    file.replace("a.png", Document((click(1, 1),)), empty)
    file.replace("süd/bäume 1.jpg", Document((click(2, 2),)), empty)
    assert len(load_clicks(file.path).clicks) == 2


def test_a_file_that_another_program_wrote_is_not_overwritten(folder: Path) -> None:
    file = open_file(folder)
    saved = file.replace("a.png", Document((click(1, 1),)), None)
    file.path.write_text('{"theirs": 1}', encoding="utf-8")
    with pytest.raises(FileChangedError, match="changed by another program"):
        file.replace("a.png", Document((click(2, 2),)), None)
    assert read(file.path) == {"theirs": 1}
    assert file.document("a.png") == saved  # what is not saved does not look saved


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


def test_an_id_that_another_image_took_is_given_anew(folder: Path) -> None:
    file = open_file(folder)
    file.replace("a.png", Document((click(1, 1),)), None)
    saved = file.replace("süd/bäume 1.jpg", Document((click(2, 2, annotation_id=1),)), None)
    assert saved.objects[0].annotation_id == 2


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


def test_without_classes_there_is_a_question(folder: Path) -> None:
    with pytest.raises(ValueError, match="--classes person,car"):
        open_file(folder, classes=())


def test_many_threads_at_once_lose_nothing(folder: Path, save_image: Callable[..., object]) -> None:
    names = [f"n{number}.png" for number in range(12)]
    for name in names:
        save_image(folder / name, (8, 8))
    file = open_file(folder)

    def work(name: str) -> None:
        for count in range(1, 6):
            document = file.document(name)
            added = Document((*document.objects, click(count, 1)))
            file.replace(name, added, document.version)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = load_clicks(file.path)
    assert len(found.clicks) == 60
    assert len({c.annotation_id for c in found.clicks}) == 60
