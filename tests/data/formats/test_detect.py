import json
from pathlib import Path

import pytest

from sapnet.data.formats.detect import detect_format

JSONS: dict[str, object] = {
    "coco": {"images": [], "annotations": [{"point": [1, 2]}], "categories": []},
    "results": [{"image_id": 1, "category_id": 1, "segmentation": {}, "score": 0.5}],
    "label-studio": [{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}],
    "labelme": {"shapes": [], "imagePath": "a.jpg"},
    "via": {"a.jpg12": {"filename": "a.jpg", "regions": []}},
}


@pytest.mark.parametrize("name", JSONS)
def test_json(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(JSONS[name]))
    detection = detect_format(path)
    assert detection.name == name
    assert detection.reason


def test_coco_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(JSONS["coco"]))
    assert "of 1: 1 with 'point'" in detect_format(path).reason


def test_json_min_and_via_project(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"image": "a.jpg", "id": 1, "annotator": 1}]))
    assert detect_format(path).name == "label-studio"
    path.write_text(json.dumps({"_via_img_metadata": {}}))
    assert detect_format(path).name == "via"


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("annotations.xml", "<annotations/>", "cvat"),
        ("a.xml", "<annotation/>", "voc"),
        ("a.csv", "image,x,y,label\n", "csv"),
        ("data.yaml", "names: [cat]\n", "yolo"),
        ("sub/a.json", '{"shapes": [], "imagePath": "a.jpg"}', "labelme"),
    ],
)
def test_files_and_their_folders(file: str, content: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert detect_format(path).name == name
    if name != "csv":
        assert detect_format(tmp_path).name == name


@pytest.mark.parametrize(
    ("file", "content"),
    [("a.json", "{}"), ("b.json", "[]"), ("c.xml", "<x/>"), ("d.zip", "PK"), ("e.csv", "a,b\n")],
)
def test_unknown_files(file: str, content: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(ValueError, match=r"none that is known .coco, results, .* with --from"):
        detect_format(tmp_path / file)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file or folder"):
        detect_format(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"none that is known"):
        detect_format(tmp_path)
