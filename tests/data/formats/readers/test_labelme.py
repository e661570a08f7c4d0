"""Files in LabelMe 5's and X-AnyLabeling 4's own shape."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any
from sapnet.geometry.rle import decode_masks


def shape(
    kind: str, points: list[list[float]], label: str = "cat", **extra: object
) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
        **extra,
    }


def write(path: Path, shapes: list[Any], **extra: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{path.stem}.jpg",
        "imageData": None,
        "imageHeight": 48,
        "imageWidth": 64,
        **extra,
    }
    path.write_text(json.dumps(content, indent=2))


def png(mask: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_shapes_of_labelme(tmp_path: Path) -> None:
    crop = np.array([[0, 255, 255], [255, 255, 0]], np.uint8)
    write(
        tmp_path / "a.json",
        [
            shape("point", [[12.5, 20.5]]),
            shape("rectangle", [[30, 24], [10, 20]]),
            shape("polygon", [[5, 5], [25, 5], [25, 15], [5, 15]], "dog"),
            shape("circle", [[40, 24], [46, 32]]),
            shape("mask", [[10, 20], [12, 21]], mask=png(crop)),
        ],
    )
    findings = Findings()
    point, box, polygon, circle, mask = read_any(tmp_path, findings).clicks
    assert point.points == ((12.5, 20.5),)
    assert box.box == (10, 20, 30, 24)
    areas = [decode_masks([c.mask])[0].sum() for c in (polygon, circle) if c.mask is not None]
    assert areas[0] == 200
    assert areas[1] == pytest.approx(np.pi * 100, rel=0.02)
    assert mask.mask is not None
    assert decode_masks([mask.mask])[0][20:22, 10:13].tolist() == [[0, 1, 1], [1, 1, 0]]
    assert findings.num_skipped == 0


def test_shapes_of_x_anylabeling(tmp_path: Path) -> None:
    """Rectangles of four points, turned boxes, scores and attributes."""
    extra = {"score": None, "difficult": False, "attributes": {"side": "left"}, "kie_linking": []}
    corners = [[10, 20], [30, 20], [30, 24], [10, 24]]
    turned = [[20, 10], [30, 20], [20, 30], [10, 20]]
    write(
        tmp_path / "a.json",
        [
            shape("rectangle", corners, **extra),
            shape("rotation", turned, direction=0.78),
            shape("quadrilateral", turned),
        ],
        version="4.2.1",
        checked=True,
        description="",
    )
    findings = Findings()
    box, rotated, outline = read_any(tmp_path, findings).clicks
    assert box.box == (10, 20, 30, 24)
    assert rotated.box == (10, 10, 30, 30)
    assert outline.mask is not None
    assert decode_masks([outline.mask])[0].sum() == pytest.approx(200, rel=0.1)
    text = "\n".join(findings.lines())
    assert "attributes 'side', which clicks do not hold" in text
    assert "turned boxes" in text


def test_groups_by_id_and_label(tmp_path: Path) -> None:
    write(
        tmp_path / "a.json",
        [
            shape("polygon", [[5, 5], [10, 5], [10, 10], [5, 10]], group_id=1),
            shape("polygon", [[20, 5], [25, 5], [25, 10], [20, 10]], group_id=1),
            shape("point", [[6, 6]], group_id=1),
            shape("point", [[40, 40]], "dog", group_id=1),
        ],
    )
    cat, dog = read_any(tmp_path, Findings()).clicks
    assert cat.mask is not None
    assert decode_masks([cat.mask])[0].sum() == 50
    assert cat.points == ((6, 6),)
    assert dog.points == ((40, 40),)


def test_folders_and_windows_paths(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a.json", [shape("point", [[1, 1]])])
    write(tmp_path / "x" / "b.json", [], imagePath="..\\pictures\\b.jpg")
    (tmp_path / "x" / "notes.json").write_text("[]")
    findings = Findings()
    clicks = read_any(tmp_path, findings)
    assert [i.file_name for i in clicks.images] == ["x/a.jpg", "pictures/b.jpg"]
    assert "json files that are not LabelMe's (x/notes.json)" in "\n".join(findings.lines())


def test_what_cannot_be_taken_is_named(tmp_path: Path) -> None:
    write(
        tmp_path / "a.json",
        [
            shape("linestrip", [[1, 1], [2, 2]]),
            shape("mask", [[1, 1], [2, 2]], mask="no base64!"),
            shape("circle", [[1, 1]]),
            shape("polygon", [[1, 1], [2, 2]]),
        ],
    )
    findings = Findings()
    assert read_any(tmp_path, findings).clicks == ()
    text = "\n".join(findings.lines())
    assert "1 x shapes of type 'linestrip' (a.json, shape 0)" in text
    assert "2 x shapes that cannot be read (a.json, shape 1" in text
    assert "1 x outlines of fewer than three corners (a.json, shape 3)" in text


def test_regions_to_ignore_are_no_objects(tmp_path: Path) -> None:
    corners = [[5, 5], [10, 5], [10, 10]]
    shapes = [shape("polygon", corners, "__ignore__"), shape("polygon", corners, "_background_")]
    write(tmp_path / "a.json", [*shapes, shape("polygon", corners)])
    findings = Findings()
    clicks = read_any(tmp_path, findings)
    assert [c.name for c in clicks.categories] == ["cat"]
    assert len(clicks.clicks) == 1
    (coverage,) = clicks.coverage.values()
    (region,) = coverage.ignored
    assert region.category_id == clicks.categories[0].category_id
    assert decode_masks([region.mask]).sum() > 5
    text = "\n".join(findings.lines())
    assert "1 x regions to ignore (a.json, shape 0)" in text
    assert "1 x regions labelled '_background_'" in text


def test_points_are_clicks_of_one_object(tmp_path: Path) -> None:
    points = [[5, 5], [9.5, 8], [30, 30]]
    shapes = [
        shape("points", points, point_labels=[1, 1, 0]),
        shape("points", points, "dog"),
        shape("points", points, "cow", point_labels=[1]),
    ]
    write(tmp_path / "a.json", shapes)
    findings = Findings()
    labelled, plain = read_any(tmp_path, findings).clicks
    assert labelled.points == ((5, 5), (9.5, 8))
    assert labelled.negative_points == ((30, 30),)
    assert plain.points == ((5, 5), (9.5, 8), (30, 30))
    text = "\n".join(findings.lines())
    assert "2 x shapes of type 'points', read as clicks of one object" in text
    assert "expected 'point_labels' with a number for each of 3 points, found [1]" in text


CORNERS = [[5, 5], [10, 5], [10, 10]]


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (None, "expected an object, found None"),
        ([1], "expected an object, found [1]"),
        ({"label": 5, "points": CORNERS}, "expected 'label' as text, found 5"),
        ({"label": ["a"], "points": CORNERS}, "expected 'label' as text"),
        ({"points": CORNERS}, "shapes without a label; see --default-label"),
        ({"label": "", "points": CORNERS}, "shapes without a label; see --default-label"),
        ({"label": "a"}, "expected 'points' as [[x, y], ...], found None"),
        ({"label": "a", "points": "5, 5"}, "expected 'points'"),
        ({"label": "a", "points": [["5", "5"], [10, 5], [10, 10]]}, "expected 'points'"),
        ({"label": "a", "points": [[5, 5, 5]]}, "expected 'points'"),
        ({"label": "a", "points": [[5, float("nan")]]}, "expected 'points'"),
        ({"label": "a", "points": []}, "outlines of fewer than three corners"),
        ({"label": "a", "points": [], "shape_type": "rectangle"}, "two 'points' for a rectangle"),
        ({"label": "a", "points": CORNERS, "group_id": [1]}, "'group_id' as a number or text"),
        ({"label": "a", "points": CORNERS, "shape_type": 7}, "shapes of type 7"),
        ({"label": "a", "points": CORNERS[:2], "shape_type": "mask"}, "'mask' as base64 text"),
        (
            {"label": "a", "points": CORNERS[:2], "shape_type": "mask", "mask": "AAAA"},
            "'mask' as a png in base64",
        ),
    ],
)
def test_broken_shapes_are_named(broken: object, what: str, tmp_path: Path) -> None:
    write(tmp_path / "a.json", [broken])
    findings = Findings()
    assert read_any(tmp_path, findings).clicks == ()
    lines = [line for line in findings.lines() if line.startswith("skipped")]
    assert any(what in line and "a.json, shape 0" in line for line in lines)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"imagePath": 5}, "'imagePath' as text, found 5"),
        ({"imagePath": ""}, "'imagePath' as text, found ''"),
        ({"shapes": {}}, "'shapes' as a list"),
        ({"shapes": None}, "'shapes' as a list, found None"),
        ({"imageHeight": "48"}, "expected the size of 'a.jpg'"),
        ({"imageHeight": 10**30}, "expected the size of 'a.jpg'"),
        ({"imageWidth": True}, "expected the size of 'a.jpg'"),
    ],
)
def test_broken_files_are_refused(extra: dict[str, Any], message: str, tmp_path: Path) -> None:
    changed = {"shapes": [shape("point", [[1, 1]])], **extra}
    write(tmp_path / "a.json", changed.pop("shapes"), **changed)
    with pytest.raises(ValueError, match=r"a\.json") as caught:
        read_any(tmp_path, Findings(), ReadOptions("labelme"))
    assert message in str(caught.value)
