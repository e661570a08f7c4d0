"""Lists in the shape of Detectron2's data set dictionaries, as `json.dump` writes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.formats.detect import detect_format
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.data.formats.readers.coco import CrowdQuestionError
from sapnet.geometry.rle import decode_masks

Records = list[dict[str, Any]]

BOX = {"bbox": [10, 20, 30, 24], "bbox_mode": 0, "category_id": 1}


def record(*annotations: object, **fields: object) -> dict[str, Any]:
    return {
        "file_name": "/data/balloon/train/a.jpg",
        "image_id": 17,
        "height": 48,
        "width": 64,
        "annotations": list(annotations),
        **fields,
    }


def write(path: Path, *records: object) -> Path:
    path.write_text(json.dumps(records))
    return path


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """Categories with COCO's gaps in the ids: number 1 is the second, 18."""
    path = tmp_path / "instances.json"
    listed = [{"id": 18, "name": "dog"}, {"id": 2, "name": "bird"}]
    path.write_text(json.dumps({"images": [], "annotations": [], "categories": listed}))
    return path


@pytest.mark.parametrize(
    ("bbox", "mode"),
    [
        ([10, 20, 30, 24], 0),
        ([10, 20, 20, 4], 1),
        ([10 / 64, 20 / 48, 30 / 64, 24 / 48], 2),
        ([10 / 64, 20 / 48, 20 / 64, 4 / 48], "BoxMode.XYWH_REL"),
        ([20, 22, 20, 4, 0], 4),
        ([20, 22, 4, 20, 90], "BoxMode.XYWHA_ABS"),
    ],
)
def test_boxes_in_every_mode(bbox: list[float], mode: object, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", record({**BOX, "bbox": bbox, "bbox_mode": mode}))
    (click,) = read_any(path, Findings()).clicks
    assert click.box == pytest.approx((10, 20, 30, 24))


def test_masks_points_names_and_ids(named: Path, tmp_path: Path) -> None:
    polygon = {**BOX, "segmentation": [[10, 20, 30, 20, 30, 24, 10, 24]]}
    counts = [10 * 48 + 20, *[4, 44] * 19, 4, 48 * 34 + 24]
    runs = {**BOX, "category_id": 0, "segmentation": {"size": [48, 64], "counts": counts}}
    keypoints = {"category_id": 0, "keypoints": [5, 5, 2, 50, 40, 1, 20.5, 20.5, 2, 0, 0, 0]}
    path = write(
        tmp_path / "a.json", record(polygon, runs, keypoints), record(file_name="b.jpg", image_id=4)
    )
    assert detect_format(path).name == "detectron2"
    findings = Findings()
    clicks = read_any(path, findings, ReadOptions(categories=named))
    assert [(i.image_id, i.file_name) for i in clicks.images] == [(17, "a.jpg"), (4, "b.jpg")]
    assert [(c.category_id, c.name) for c in clicks.categories] == [(2, "bird"), (18, "dog")]
    assert [click.category_id for click in clicks.clicks] == [18, 2, 2]
    for click in clicks.clicks[:2]:
        assert click.mask is not None
        rows, columns = np.nonzero(decode_masks([click.mask])[0])
        assert (len(rows), rows.min(), rows.max(), columns.min(), columns.max()) == (
            80,
            20,
            23,
            10,
            29,
        )
    assert clicks.clicks[2].points == ((20.5, 20.5), (5, 5), (50, 40))
    assert findings.num_skipped == 0


def test_categories_without_names_are_numbers(tmp_path: Path) -> None:
    findings = Findings()
    clicks = read_any(write(tmp_path / "a.json", record(BOX)), findings)
    assert [(c.category_id, c.name) for c in clicks.categories] == [(1, "1")]
    assert "see --categories (a.json)" in "\n".join(findings.lines())


def test_a_category_that_is_not_named(named: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", record({**BOX, "category_id": 2}))
    with pytest.raises(ValueError, match=r"annotation 0.*under 2.*found 2"):
        read_any(path, Findings(), ReadOptions(categories=named))


def test_crowds_are_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", record({**BOX, "iscrowd": 1}))
    with pytest.raises(CrowdQuestionError, match=r"record 0, annotation 0.*--crowd-as-object"):
        read_any(path, Findings())
    assert len(read_any(path, Findings(), ReadOptions(crowds="object")).clicks) == 1
    assert read_any(path, Findings(), ReadOptions(crowds="crowd")).clicks == ()


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        (7, "objects without a category_id"),
        ({}, "objects without a category_id"),
        ({"category_id": "1"}, "objects without a category_id"),
        ({"category_id": True}, "objects without a category_id"),
        ({"category_id": [1]}, "objects without a category_id"),
        ({**BOX, "bbox": [1, 2, 3]}, "boxes that cannot be read"),
        ({**BOX, "bbox": "big"}, "boxes that cannot be read"),
        ({**BOX, "bbox": [1, 2, 3, "4"]}, "boxes that cannot be read"),
        ({**BOX, "bbox": [1, 2, 3, float("nan")]}, "boxes that cannot be read"),
        ({**BOX, "bbox_mode": 9}, "boxes that cannot be read"),
        ({**BOX, "bbox_mode": None}, "boxes that cannot be read"),
        ({**BOX, "bbox_mode": [0]}, "boxes that cannot be read"),
        ({**BOX, "segmentation": [[1, 2]]}, "masks that cannot be read"),
        ({**BOX, "segmentation": "a"}, "masks that cannot be read"),
        ({**BOX, "segmentation": {"size": [48, 64], "counts": "P"}}, "masks that cannot be read"),
        ({**BOX, "keypoints": [1, 2]}, "keypoints that are not triples"),
        ({**BOX, "keypoints": 5}, "keypoints that are not triples"),
        ({"category_id": 0}, "objects without a point, box or mask"),
    ],
)
def test_what_is_wrong_is_named(annotation: object, what: str, tmp_path: Path) -> None:
    findings = Findings()
    read_any(write(tmp_path / "a.json", record(annotation)), findings)
    lines = [line for line in findings.lines() if line.startswith("skipped")]
    assert any(what in line and "record 0, annotation 0" in line for line in lines)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"file_name": None}, "file_name"),
        ({"file_name": 5}, "file_name"),
        ({"height": "48"}, "height"),
        ({"height": 0}, "height"),
        ({"width": None}, "width"),
        ({"annotations": {}}, "annotations"),
        ({"annotations": None}, "annotations"),
    ],
)
def test_broken_records_are_refused(change: dict[str, Any], key: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", {**record(BOX), **change})
    with pytest.raises(ValueError, match=rf"a\.json, record 0: expected .*'{key}'"):
        read_any(path, Findings(), ReadOptions("detectron2"))


def test_an_image_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"record 1: expected every file_name once"):
        read_any(write(tmp_path / "a.json", record(), record()), Findings())


def test_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"file_name": "a.jpg"}')
    with pytest.raises(ValueError, match=r"list of Detectron2's dictionaries"):
        read_any(tmp_path / "a.json", Findings(), ReadOptions("detectron2"))
