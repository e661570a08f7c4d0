import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.documents import Document, FileChangedError, VersionConflictError
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE, Click


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


def test_an_id_that_another_image_took_is_given_anew(folder: Path) -> None:
    file = open_file(folder)
    file.replace("a.png", Document((click(1, 1),)), None)
    saved = file.replace("süd/bäume 1.jpg", Document((click(2, 2, annotation_id=1),)), None)
    assert saved.objects[0].annotation_id == 2


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


def test_masks_are_counted(folder: Path) -> None:
    (rle,) = encode_masks(np.ones((1, 48, 64), np.uint8))
    file = open_file(folder)
    assert file.num_masks() == 0
    file.replace("a.png", Document((click(5, 5, mask=rle), click(9, 9))), None)
    assert file.num_masks() == 1
