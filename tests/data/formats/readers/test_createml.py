"""Files in the shape that CreateML takes, and that labelImg, Roboflow and RectLabel write."""

import json
from pathlib import Path

import pytest

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.structures.clicks import ClickSet
from tests.data.formats.conftest import MakeImages


def box(x: object, y: object, width: object, height: object, label: object = "cat") -> object:
    return {"label": label, "coordinates": {"x": x, "y": y, "width": width, "height": height}}


def read(
    tmp_path: Path, make_images: MakeImages, content: object, **options: object
) -> tuple[ClickSet, Findings]:
    images = make_images({"a.jpg": (64, 48), "b.jpg": (64, 48)})
    path = tmp_path / "createml.json"
    path.write_text(json.dumps(content))
    findings = Findings()
    return read_any(path, findings, ReadOptions(images=images, **options)), findings


def test_boxes_are_given_by_their_center(tmp_path: Path, make_images: MakeImages) -> None:
    content = [
        {"image": "a.jpg", "annotations": [box(20, 10, 8, 6), box(30, 30, 10, 10, "dog")]},
        {"image": "b.jpg", "annotations": []},
    ]
    clicks, _ = read(tmp_path, make_images, content)
    assert [click.box for click in clicks.clicks] == [(16, 7, 24, 13), (25, 25, 35, 35)]
    assert [c.name for c in clicks.categories] == ["cat", "dog"]
    assert [i.file_name for i in clicks.images] == ["a.jpg", "b.jpg"]
    assert (clicks.images[0].width, clicks.images[0].height) == (64, 48)


def test_the_older_spelling(tmp_path: Path, make_images: MakeImages) -> None:
    content = [{"imagefilename": "a.jpg", "annotation": [box(20, 10, 8, 6)]}]
    clicks, _ = read(tmp_path, make_images, content)
    assert clicks.clicks[0].box == (16, 7, 24, 13)


def test_what_cannot_be_read_is_named(tmp_path: Path, make_images: MakeImages) -> None:
    bad = [box("9", 1, 8, 6), box(9, 1, -8, 6), box(9, 9, 8, 6, None), 7, {"label": "cat"}]
    content = [{"image": "a.jpg", "annotations": [*bad, box(20, 10, 8, 6)]}]
    clicks, findings = read(tmp_path, make_images, content)
    assert len(clicks.clicks) == 1
    text = "\n".join(findings.lines())
    assert "4 x boxes that cannot be read (createml.json, image 0 (a.jpg), annotation 0: " in text
    assert "expected 'x' as a number within +-1e+09, found '9'" in text
    assert "expected 'width' as a positive number, found -8" in text
    assert "1 x boxes without a label (createml.json, image 0 (a.jpg), annotation 2)" in text
    assert "--default-label gives them one" in text
    clicks, _ = read(tmp_path, make_images, content, default_label="thing")
    assert [c.name for c in clicks.categories] == ["thing", "cat"]


def test_shares_of_the_size_are_no_pixels(tmp_path: Path, make_images: MakeImages) -> None:
    content = [{"image": "a.jpg", "annotations": [box(0.5, 0.5, 0.2, 0.1)]}]
    with pytest.raises(ValueError, match=r"expected coordinates in pixels, but no box is larger"):
        read(tmp_path, make_images, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "expected a list of images"),
        ([7], "expected 'images' as a list of objects"),
        ([{"annotations": []}], "image 0: expected 'image' as text"),
        ([{"image": "a.jpg", "annotations": 1}], "image 0: expected 'annotations' as a list"),
        ([], "expected at least one image"),
        ([{"image": "a.jpg"}, {"image": "a.jpg"}], "'a.jpg' is listed twice"),
    ],
)
def test_wrong_files(
    content: object, message: str, tmp_path: Path, make_images: MakeImages
) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, make_images, content, source_format="createml")
