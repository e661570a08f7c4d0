"""Exports in Label Studio's own shape (1.x, "JSON" and "JSON-MIN")."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.formats.brush_rle import encode_brush
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import decode_masks
from tests.data.formats.conftest import MakeImages

WIDTH, HEIGHT = 200, 100


def region(kind: str, value: dict[str, Any], name: str = "r", **extra: object) -> dict[str, Any]:
    return {
        "original_width": WIDTH,
        "original_height": HEIGHT,
        "image_rotation": 0,
        "value": value,
        "id": name,
        "from_name": "tag",
        "to_name": "image",
        "type": kind,
        "origin": "manual",
        **extra,
    }


def keypoint(
    x: float, y: float, label: str = "car", name: str = "k", **extra: object
) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": 0.4, "keypointlabels": [label]}
    return region("keypointlabels", value, name, **extra)


def task(results: list[dict[str, Any]], number: int = 1, **extra: object) -> dict[str, Any]:
    annotation = {
        "id": 40 + number,
        "completed_by": 1,
        "result": results,
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 3.2,
    }
    return {
        "id": number,
        "annotations": [annotation],
        "file_upload": f"0a1b2c3d-photo{number}.jpg",
        "drafts": [],
        "predictions": [],
        "data": {"image": f"/data/upload/1/0a1b2c3d-photo{number}.jpg"},
        "meta": {},
        "total_annotations": 1,
        "project": 1,
        **extra,
    }


def read(tmp_path: Path, tasks: list[dict[str, Any]], **options: object) -> tuple[Any, Findings]:
    path = tmp_path / "project-1.json"
    path.write_text(json.dumps(tasks))
    findings = Findings()
    return read_any(path, findings, ReadOptions(**options)), findings


def test_keypoints_in_per_cent(tmp_path: Path, make_images: MakeImages) -> None:
    images = make_images({"photo1.jpg": (WIDTH, HEIGHT)})
    clicks, findings = read(tmp_path, [task([keypoint(25, 10)])], images=images)
    assert [i.file_name for i in clicks.images] == ["photo1.jpg"]
    assert clicks.clicks[0].points == ((50, 10),)
    assert [c.name for c in clicks.categories] == ["car"]
    assert findings.entries == []


def test_image_rotation_is_only_the_view(tmp_path: Path) -> None:
    """The editor turns its stage, and stores regions in the frame of the image as it is."""
    clicks, _ = read(tmp_path, [task([keypoint(25, 10, image_rotation=90)])])
    assert clicks.clicks[0].points == ((50, 10),)


def test_turned_rectangle(tmp_path: Path) -> None:
    """Turned by 90 degrees about its stored corner (100, 20): 40 x 10 px become 10 x 40 px."""
    value = {
        "x": 50,
        "y": 20,
        "width": 20,
        "height": 10,
        "rotation": 90,
        "rectanglelabels": ["car"],
    }
    clicks, findings = read(tmp_path, [task([region("rectanglelabels", value)])])
    assert clicks.clicks[0].box == pytest.approx((90, 20, 100, 60))
    assert any("turned boxes" in line for line in findings.lines())
    assert any("middle of their box" in line for line in findings.lines())


def test_polygon_ellipse_and_brush_are_masks(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[30:50, 60:90] = 1
    polygon = {"points": [[5, 10], [15, 10], [15, 30], [5, 30]], "polygonlabels": ["car"]}
    ellipse = {
        "x": 50,
        "y": 50,
        "radiusX": 10,
        "radiusY": 10,
        "rotation": 0,
        "ellipselabels": ["car"],
    }
    brush = {"format": "rle", "rle": encode_brush(mask), "brushlabels": ["bus"]}
    results = [
        region("polygonlabels", polygon, "p"),
        region("ellipselabels", ellipse, "e"),
        region("brushlabels", brush, "b"),
    ]
    clicks, _ = read(tmp_path, [task(results)])
    areas = [int(decode_masks([click.mask])[0].sum()) for click in clicks.clicks]
    assert areas[0] == 20 * 20
    assert areas[1] == pytest.approx(np.pi * 20 * 10, rel=0.02)
    assert areas[2] == 600
    assert (decode_masks([clicks.clicks[2].mask])[0] == mask).all()
    assert [c.name for c in clicks.categories] == ["car", "bus"]


def test_regions_with_separate_labels_are_one(tmp_path: Path) -> None:
    """The tags <Rectangle> and <Labels>: the same id twice, bare and labelled."""
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
    results = [
        region("rectangle", value, "same"),
        region("labels", {**value, "labels": ["car"]}, "same"),
    ]
    clicks, findings = read(tmp_path, [task(results)])
    assert [click.box for click in clicks.clicks] == [(20, 10, 60, 30)]
    assert findings.num_skipped == 0


def test_nested_and_related_regions_are_one_object(tmp_path: Path) -> None:
    value = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0, "rectanglelabels": ["car"]}
    results = [
        region("rectanglelabels", value, "box"),
        keypoint(15, 15, name="in", parentID="box"),
        keypoint(20, 20, name="also"),
        {"type": "relation", "from_id": "also", "to_id": "in", "direction": "right"},
        keypoint(80, 80, name="other"),
    ]
    clicks, _ = read(tmp_path, [task(results)])
    first, second = clicks.clicks
    assert first.points == ((30, 15), (40, 20))
    assert first.box == (20, 10, 60, 30)
    assert second.points == ((160, 80),)


def test_tasks_and_annotations_that_do_not_count(tmp_path: Path, make_images: MakeImages) -> None:
    cancelled = task([keypoint(1, 1)], 2)
    cancelled["annotations"][0]["was_cancelled"] = True
    twice = task([keypoint(1, 1)], 3)
    twice["annotations"].append({"result": [keypoint(50, 50)], "ground_truth": True})
    tasks = [
        task([], 1),
        cancelled,
        twice,
        {"id": 4, "data": {"image": "/data/upload/1/x.jpg"}, "annotations": [], "predictions": []},
        {"id": 5, "data": {"text": "no picture"}, "annotations": []},
        task([region("choices", {"choices": ["good"]}), keypoint(5, 5)], 6),
        task([region("videorectangle", {"sequence": [], "labels": ["car"]})], 7),
    ]
    clicks, findings = read(tmp_path, tasks)  # without images, empty tasks have no size
    assert [i.file_name for i in clicks.images] == [
        f"0a1b2c3d-photo{number}.jpg" for number in (3, 6, 7)
    ]
    assert "1 x images without an object and without a size" in "\n".join(findings.lines())
    images = make_images({f"photo{i}.jpg": (WIDTH, HEIGHT) for i in (1, 3, 6, 7)})
    clicks, findings = read(tmp_path, tasks, images=images)
    assert [click.point for click in clicks.clicks] == [(100, 50), (10, 5)]
    text = "\n".join(findings.lines())
    for what in (
        "1 x annotations that were cancelled (project-1.json, task 2)",
        "2 x tasks that nobody has annotated (project-1.json, task 2; project-1.json, task 4)",
        "1 x further annotations of a task that has one (project-1.json, task 3)",
        "1 x tasks without an image (project-1.json, task 5)",
        "1 x results of type 'choices'",
        "1 x regions of type 'videorectangle'",
    ):
        assert what in text


def test_json_min(tmp_path: Path) -> None:
    entry = {
        "x": 25, "y": 10, "width": 0.4, "keypointlabels": ["car"],
        "original_width": WIDTH, "original_height": HEIGHT,
    }  # fmt: skip
    minimal = {
        "image": "/data/local-files/?d=set/a.jpg", "id": 1, "kp": [entry], "annotator": 1,
        "annotation_id": 2, "created_at": "", "updated_at": "", "lead_time": 1.0,
    }  # fmt: skip
    clicks, _ = read(tmp_path, [minimal])
    assert clicks.images[0].file_name == "a.jpg"
    assert clicks.clicks[0].points == ((50, 10),)


def test_predictions_on_request(tmp_path: Path) -> None:
    entry = task([keypoint(1, 1)], predictions=[{"result": [keypoint(50, 50)], "score": 0.4}])
    clicks, findings = read(tmp_path, [entry])
    assert clicks.clicks[0].points == ((2, 1),)
    assert "predictions, which are left alone" in findings.lines()[0]
    clicks, _ = read(tmp_path, [entry], predictions=True)
    assert clicks.clicks[0].points == ((100, 50),)


def test_no_list_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"expected a list of Label Studio tasks"):
        read_any(tmp_path / "a.json", Findings(), ReadOptions("label-studio"))
