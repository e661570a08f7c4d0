import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.formats.assemble import AssembleOptions
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any, read_scores
from sapnet.data.formats.readers.coco import CrowdQuestionError, read_coco_marks
from sapnet.geometry.rle import decode_masks

SQUARE = {"size": [48, 64], "counts": [10 * 48 + 5, 4, 44, 4, 64 * 48 - 10 * 48 - 5 - 52]}


def write(path: Path, annotations: list[dict[str, Any]], **category: object) -> Path:
    content = {
        "images": [{"id": 4, "file_name": "a.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 7, "name": "dog", **category}],
        "annotations": [
            {"id": i, "image_id": 4, "category_id": 7, **annotation}
            for i, annotation in enumerate(annotations, start=30)
        ],
    }
    path.write_text(json.dumps(content))
    return path


def test_our_own_clicks_come_back_as_they_are(tmp_path: Path) -> None:
    annotations = [
        {"point": [3.5, 4.5], "negative_points": [[20, 20]], "bbox": [1, 2, 30, 20]},
        {"point": [8.5, 9.5], "object_id": "x", "segmentation": SQUARE},
        {"point": [9.5, 9.5], "object_id": "x"},
    ]
    path = write(tmp_path / "clicks.json", annotations)
    findings = Findings()
    clicks = read_any(path, findings)
    assert clicks == load_clicks(path)
    assert findings.entries == []
    save_clicks(tmp_path / "again.json", clicks)
    assert load_clicks(tmp_path / "again.json") == clicks


def test_keypoints_visible_first_and_central_first(tmp_path: Path) -> None:
    """COCO's keypoints: the hidden third is no click; the centre of the others comes first."""
    keypoints = [10, 10, 2, 0, 0, 0, 12, 30, 1, 20, 12, 2, 40, 14, 2]
    annotations = [
        {"keypoints": keypoints, "num_keypoints": 4, "bbox": [5, 5, 50, 40]},
        {"keypoints": [10, 11, 1], "num_keypoints": 1, "bbox": [10, 11, 0, 0]},
        {"keypoints": [10, 10, 2, 40, 30, 2], "bbox": [10, 10, 30, 20]},
    ]
    findings = Findings()
    path = write(tmp_path / "person_keypoints.json", annotations, keypoints=list("abcde"))
    first, hidden, hull = read_any(path, findings).clicks
    assert first.points == ((20, 12), (10, 10), (40, 14))
    assert first.box == (5, 5, 55, 45)
    assert hidden.points == ((10, 11),)
    assert hidden.box is None
    assert hull.box is None
    assert {entry.kind for entry in findings.entries} == {"noted"}
    assert "hidden keypoints only" in "".join(findings.lines())
    assert "only span the keypoints" in "".join(findings.lines())


def test_masks_give_their_middle_as_the_click(tmp_path: Path) -> None:
    findings = Findings()
    polygon = [[10, 10, 20, 10, 20, 20, 10, 20]]
    path = write(tmp_path / "a.json", [{"segmentation": polygon, "bbox": [10, 10, 10, 10]}])
    (click,) = read_any(path, findings).clicks
    assert click.annotation_id == 30
    assert click.mask is not None
    assert decode_masks([click.mask])[0].sum() == 100
    assert abs(click.point[0] - 15) < 1
    assert abs(click.point[1] - 15) < 1
    assert findings.lines() == [
        "noted: 1 x objects clicked at the middle of their mask (a.json, object 30 (a.jpg))"
    ]


def crowd(tmp_path: Path) -> Path:
    """As datumaro writes CVAT's masks: iscrowd 1 and run lengths as a list."""
    annotation = {"segmentation": SQUARE, "iscrowd": 1, "area": 8, "bbox": [10, 5, 2, 4]}
    return write(tmp_path / "instances.json", [annotation])


def test_crowds_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(
        CrowdQuestionError, match=r"1 of 1 .*CVAT.*--crowd-as-object.*--crowd-as-crowd"
    ):
        read_coco_marks(crowd(tmp_path), Findings())


def test_crowds_as_objects(tmp_path: Path) -> None:
    (click,) = read_any(crowd(tmp_path), Findings(), ReadOptions(crowds="object")).clicks
    assert click.mask is not None
    ys, xs = np.nonzero(decode_masks([click.mask])[0])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 11, 5, 8)


def test_crowds_as_crowds(tmp_path: Path) -> None:
    findings = Findings()
    clicks = read_any(crowd(tmp_path), findings, ReadOptions(crowds="crowd"))
    assert clicks.clicks == ()
    assert findings.num_skipped == 0
    assert any("regions to ignore" in line for line in findings.lines())
    (coverage,) = clicks.coverage.values()
    (region,) = coverage.ignored
    ys, xs = np.nonzero(decode_masks([region.mask])[0])
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 11, 5, 8)


def runs(counts: object) -> dict[str, Any]:
    return {"size": [48, 64], "counts": counts}


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        ({"point": [1]}, "points that are not two numbers"),
        ({"point": [640, 10]}, "points outside their image"),
        ({"keypoints": [1, 2]}, "keypoints that are not triples"),
        ({"point": [1, 1], "bbox": "big"}, "boxes that are not four numbers"),
        ({"point": [1, 1], "bbox": [100, 100, 5, 5]}, "boxes without area inside"),
        ({"point": [1, 1], "segmentation": [[1, 2]]}, "masks that cannot be read"),
        ({"point": [1, 1], "segmentation": [[90, 90, 99, 90, 99, 99]]}, "masks without a pixel"),
        ({}, "objects without a point, box or mask"),
        ({"point": None}, "points that are not two numbers"),
        ({"point": ["1", "2"]}, "points that are not two numbers"),
        ({"point": [1, 1], "negative_points": "a"}, "points that are not two numbers"),
        ({"point": [1, 1], "object_id": [1]}, "object ids that are neither number nor text"),
        ({"point": [1, 1], "bbox": [1, 2, 3, "4"]}, "boxes that are not four numbers"),
        ({"keypoints": "a"}, "keypoints that are not triples"),
        ({"point": [1, 1], "segmentation": {"size": 48}}, "masks that cannot be read"),
        ({"point": [1, 1], "segmentation": runs("P")}, "masks that cannot be read"),
        ({"point": [1, 1], "segmentation": runs("55")}, "masks that cannot be read"),
        ({"point": [1, 1], "segmentation": runs([-5, 48 * 64 + 5])}, "masks that cannot be read"),
        ({"point": [1, 1], "segmentation": runs([0, "a"])}, "masks that cannot be read"),
        ({"point_coords": 5, "point_labels": [1]}, "points that are not two numbers"),
    ],
)
def test_what_is_wrong_is_reported(annotation: dict[str, Any], what: str, tmp_path: Path) -> None:
    findings = Findings()
    read_any(write(tmp_path / "a.json", [annotation]), findings)
    lines = [line for line in findings.lines() if line.startswith("skipped")]
    assert any(what in line and "object 30" in line for line in lines)


@pytest.mark.parametrize("value", ["0", 2, [1], -1])
def test_a_crowd_flag_that_is_none(value: object, tmp_path: Path) -> None:
    """The text "0" is true in Python: it must not make a crowd."""
    path = write(tmp_path / "a.json", [{"point": [1, 1], "iscrowd": value}])
    with pytest.raises(ValueError, match=r"a\.json, object 30 .*'iscrowd' as 0 or 1"):
        read_any(path, Findings(), ReadOptions(crowds="crowd"))


P2B = {"true_bbox": [10, 10, 20, 20], "bbox": [4, 6, 16, 16], "area": 400}


def test_files_of_p2bnet_give_the_click_alone(tmp_path: Path) -> None:
    """What `noise_data_mask_utils.py` and `noise_data_utils.py` write: a click beside the truth."""
    polygon = [[10, 10, 30, 10, 30, 30, 10, 30]]
    annotations = [
        {**P2B, "point": [20.4, 19.7], "segmentation": polygon},
        {"true_bbox": [10, 10, 20, 20], "point": [-0.3, 12.5], "segmentation": polygon},
        P2B,  # an older file: only the made-up box tells the click
    ]
    path = write(tmp_path / "qc_instances_train2017_coarse_with_gt.json", annotations)
    findings = Findings()
    first, border, made_up = read_any(path, findings).clicks
    assert first.points == ((20.4, 19.7),)
    assert border.points == ((0, 12.5),)
    assert made_up.points == ((12, 14),)
    assert all(click.box is None and click.mask is None for click in (first, border, made_up))
    assert findings.num_skipped == 0
    assert "3 x objects with 'true_bbox'" in "\n".join(findings.lines())


def test_points_of_pointsup(tmp_path: Path) -> None:
    """Ones lie on the object, zeros beside it; numbers of pixels become their centers."""
    annotations = [
        {"point_coords": [[12, 20], [3, 4], [13, 21]], "point_labels": [1, 0, 1],
         "bbox": [10, 15, 9, 9]},
        {"point_coords": [[12.25, 20.75]], "point_labels": [1]},
        {"point_coords": [[1, 1], [2, 2]], "point_labels": [0, 0], "bbox": [10, 15, 8, 8]},
        {"point_coords": [[1, 1], [2, 2]], "point_labels": [1]},
        {"point_coords": [[1, 1], [2, 2]], "point_labels": [1, -1]},
    ]  # fmt: skip
    findings = Findings()
    path = write(tmp_path / "instances_train2017_n10_v1_without_masks.json", annotations)
    both, exact, negative, last = read_any(path, findings).clicks
    assert both.points == ((12.5, 20.5), (13.5, 21.5))
    assert both.negative_points == ((3.5, 4.5),)
    assert both.box == (10, 15, 19, 24)
    assert exact.points == ((12.25, 20.75),)
    assert negative.points == ((14, 19),)  # of the box, which is noted
    assert negative.negative_points == ((1.5, 1.5), (2.5, 2.5))
    assert last.points == ((1.5, 1.5),)
    text = "\n".join(findings.lines())
    assert "1 x point_coords without a label 0 or 1 each (a" not in text
    assert "1 x point_coords without a label 0 or 1 each" in text
    assert "object 33" in text
    assert "1 x points with another label than 0 or 1" in text


def test_panoptic_json_is_named_with_the_way_out(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 4, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{"image_id": 4, "file_name": "a.png", "segments_info": []}],
        "categories": [{"id": 7, "name": "dog", "isthing": 1}],
    }
    path = tmp_path / "panoptic_val2017.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"panoptic.*instances_\*\.json.*things_only"):
        read_any(path, Findings())


ROBOFLOW = [
    {"id": 0, "name": "balls", "supercategory": "none"},
    {"id": 1, "name": "red", "supercategory": "balls"},
    {"id": 2, "name": "balls", "supercategory": "balls"},
]


def roboflow(path: Path, names: dict[str, int], shift: int = 0) -> Path:
    """As Roboflow exports: image names with a category each, beside the json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "info": {"description": "Exported from roboflow.com"},
        "images": [
            {"id": i + shift, "file_name": name, "width": 64, "height": 48}
            for i, name in enumerate(names)
        ],
        "categories": ROBOFLOW,
        "annotations": [
            {"id": i + shift, "image_id": i + shift, "category_id": category, "iscrowd": 0,
             "bbox": [5, 5, 10, 10], "segmentation": [], "area": 100}
            for i, category in enumerate(names.values())
        ],
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def test_the_unused_category_of_roboflow(tmp_path: Path) -> None:
    path = roboflow(tmp_path / "_annotations.coco.json", {"a.jpg": 2})
    findings = Findings()
    clicks = read_any(path, findings)
    assert [(c.category_id, c.name) for c in clicks.categories] == [(1, "red"), (2, "balls")]
    assert clicks.clicks[0].category_id == 2
    text = "\n".join(findings.lines())
    assert (
        "categories of one name, joined (_annotations.coco.json, 'balls': ids 0, 2, now 2)" in text
    )
    assert (
        "1 x categories without an object, kept; --drop-unused leaves them out ('red', id 1)"
        in text
    )
    dropped = read_any(path, Findings(), ReadOptions(assembling=AssembleOptions(drop_unused=True)))
    assert [(c.category_id, c.name) for c in dropped.categories] == [(2, "balls")]


def test_scores_by_id(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [{"score": 0.5}, {}])
    assert read_scores(path, "coco") == {30: 0.5}
    assert read_scores(path, "via") == {}
