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
from sapnet.data.formats.read import read_any
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


def write(path: Path, shapes: list[dict[str, Any]], **extra: object) -> None:
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
