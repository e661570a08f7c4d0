from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.clicks import save_clicks
from sapnet.data.corrections import save_corrections
from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.corrections import Correction, Corrections
from sapnet.teaching.config import SourceConfig
from sapnet.teaching.reading.marks import read_marks

IMAGES = (ImageRecord(1, "a.png", 40, 30), ImageRecord(2, "b.png", 40, 30))
CATEGORIES = (Category(1, "thing"),)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for image in IMAGES:
        Image.new("RGB", (image.width, image.height)).save(tmp_path / image.file_name)
    return tmp_path


def click(number: int, image: int, **more: object) -> Click:
    mask = np.zeros((1, 30, 40), np.uint8)
    mask[0, 5:25, 10 : 20 + number] = 1
    return Click(number, image, 1, ((12.5, 8.5),), mask=encode_masks(mask)[0], **more)  # type: ignore[arg-type]


def test_ground_truth_without_crowds(source: SourceConfig) -> None:
    path = Path(source.truth)
    truth = json.loads(path.read_text())
    truth["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(truth))
    (_, first), (_, second) = read_marks(path, Path(source.images))
    assert [mark.category_id for mark in first] == [2]
    assert [mark.category_id for mark in second] == [1, 2]
    assert decode_masks([second[0].rle])[0].sum() == 24 * 24
    assert second[0].click is None


def test_corrections_as_review_writes_them(photos: Path) -> None:
    fixed = {
        1: Correction(click(1, 1, negative_points=((30.5, 20.5),)), "clicked"),
        2: Correction(click(2, 1), "picked"),
        3: Correction(click(3, 2), "accepted"),
    }
    path = photos / "corrections.json"
    save_corrections(path, Corrections(IMAGES, CATEGORIES, fixed, frozenset({9})))
    (first, marks), (second, others) = read_marks(path, photos)
    assert (first, second) == IMAGES
    assert [decode_masks([mark.rle])[0].sum() for mark in (*marks, *others)] == [220, 240, 260]
    assert marks[0].click is not None
    assert marks[0].click.points == ((12.5, 8.5),)
    assert marks[0].click.negative_points == ((30.5, 20.5),)


def test_deletions_alone_leave_nothing(photos: Path) -> None:
    path = photos / "corrections.json"
    save_corrections(path, Corrections(IMAGES, CATEGORIES, {}, frozenset({9})))
    assert list(read_marks(path, photos)) == []


def test_pinned_objects_of_a_clicks_file_without_estimated_boxes(photos: Path) -> None:
    box = (10.0, 5.0, 21.0, 25.0)
    pinned = (click(1, 1, box=box, box_score=0.9), click(2, 2, box=box))
    unpinned = Click(3, 2, 1, ((3.5, 3.5),))
    path = photos / "clicks.json"
    save_clicks(path, ClickSet(IMAGES, CATEGORIES, (*pinned, unpinned)))
    (_, (estimated,)), (_, (known,)) = read_marks(path, photos)
    assert estimated.click is not None
    assert estimated.click.box is None
    assert known.click is not None
    assert known.click.box == box


def test_masks_of_turned_photographs_are_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    images = (ImageRecord(1, "a.jpg", 40, 30),)
    path = tmp_path / "clicks.json"
    save_clicks(path, ClickSet(images, CATEGORIES, (click(1, 1),)))
    ((image, (mark,)),) = read_marks(path, tmp_path)
    assert (image.width, image.height) == (30, 40)
    assert mark.rle["size"] == [40, 30]
    assert mark.click is not None
    x, y = mark.click.point
    assert decode_masks([mark.rle])[0, int(y), int(x)]


def test_missing_images_are_named(source: SourceConfig) -> None:
    (Path(source.images) / "2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of its images are not in .*: 2.png. Name"):
        list(read_marks(Path(source.truth), Path(source.images)))


def test_an_image_of_another_size_is_told(source: SourceConfig) -> None:
    Image.new("RGB", (10, 10)).save(Path(source.images) / "2.png")
    with pytest.raises(ValueError, match="expected 96 x 64 px as listed, found 10 x 10"):
        list(read_marks(Path(source.truth), Path(source.images)))
