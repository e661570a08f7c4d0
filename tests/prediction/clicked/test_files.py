from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from PIL import Image

from sapnet.data.coco import load_instances
from sapnet.geometry.rle import decode_masks
from sapnet.prediction.clicked.files import check_folder, draw_clicked, write_clicked
from sapnet.prediction.clicked.text import ObjectPrompt
from sapnet.prediction.detections import Detections
from sapnet.prediction.drawing import CLICK_COLOR, NEGATIVE_COLOR

PROMPTS = [
    ObjectPrompt(((20, 30),), label="tea cup/red"),
    ObjectPrompt(((90, 70),), ((110, 20),), (70, 50, 110, 90)),
]


@pytest.fixture
def detections() -> Detections:
    masks = np.zeros((2, 120, 160), bool)
    masks[0, 20:40, 10:30] = masks[1, 60:80, 80:100] = True
    found = sv.Detections(
        xyxy=np.array([[10, 20, 30, 40], [80, 60, 100, 80]], np.float32),
        mask=masks,
        confidence=np.array([0.5, 0.25], np.float32),
        class_id=np.array([0, 1]),
    )
    return Detections.of(found, np.full((120, 160, 3), 128, np.uint8))


def test_files_hold_the_masks(detections: Detections, tmp_path: Path) -> None:
    old = tmp_path / "masks" / "007_old.png"
    old.parent.mkdir()
    old.touch()
    (tmp_path / "masks" / "mine.png").touch()
    written = write_clicked(tmp_path, "a.jpg", PROMPTS, detections, {"proposer": "click"})
    assert not old.exists()
    assert (tmp_path / "masks" / "mine.png").exists()
    assert [path.name for path in written.pictures] == ["001_tea_cup_red.png", "002_object.png"]
    instances = load_instances(written.masks)
    assert [category.name for category in instances.categories] == ["tea cup/red", "object"]
    for n, instance in enumerate(instances.instances):
        expected = detections.mask[n]
        np.testing.assert_array_equal(decode_masks([instance.rle()])[0], expected)
        np.testing.assert_array_equal(np.asarray(Image.open(written.pictures[n])), expected * 255)
    content = json.loads(written.masks.read_text())
    assert content["info"] == {"proposer": "click"}
    first = content["annotations"][0]
    assert (first["bbox"], first["area"], first["score"]) == ([10, 20, 20, 20], 400, 0.5)
    assert (first["point"], first["negative_points"]) == ([20, 30], [])
    assert content["annotations"][1]["negative_points"] == [[110, 20]]
    assert content["images"] == [{"id": 1, "file_name": "a.jpg", "width": 160, "height": 120}]


def test_clicks_are_drawn_by_their_kind(detections: Detections) -> None:
    picture = draw_clicked(PROMPTS, detections)

    def color(x: int, y: int) -> str:
        return "#{:02x}{:02x}{:02x}".format(*picture[y, x])

    assert color(20, 30) == color(90, 70) == CLICK_COLOR
    assert color(110, 20) == NEGATIVE_COLOR
    assert color(5, 5) == "#808080"


def test_folders_with_files_are_refused(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", overwrite=False)
    check_folder(tmp_path, overwrite=False)
    (tmp_path / "a.txt").touch()
    with pytest.raises(FileExistsError, match="--overwrite to replace"):
        check_folder(tmp_path, overwrite=False)
    check_folder(tmp_path, overwrite=True)
    with pytest.raises(FileExistsError, match="expected a folder, found a file"):
        check_folder(tmp_path / "a.txt", overwrite=True)
