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
    "createml": [{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {"x": 1}}]}],
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


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ([{"data": {"image": "a.jpg"}, "predictions": []}], "label-studio"),
        ([{"annotations": [{"result": []}]}], "label-studio"),
        ([{"id": 1, "data": {"image": "a"}}, {"annotations": [{"result": []}]}], "label-studio"),
        ([{"image": "a.jpg", "kp": [{"keypointlabels": ["cat"]}]}], "label-studio"),
        ([{"image": "a.jpg", "annotations": []}], "createml"),
        ([{"imagefilename": "a.jpg", "annotation": [{"coordinates": {}}]}], "createml"),
    ],
)
def test_a_format_is_known_by_what_is_its_own(content: object, name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    assert detect_format(path).name == name


@pytest.mark.parametrize(
    "content",
    [
        [{"annotations": [{"bbox": [1, 2, 3, 4], "category_id": 0}]}],
        [{"data": 1}],
        [{"annotations": 3}],
        [{"id": 1, "file_name": "a.jpg", "objects": []}],
        [{"file": "a.jpg", "objects": [{"labels": ["cat"]}]}],
        [None, 1],
        {"items": [], "categories": {}, "info": {}},
    ],
)
def test_lists_of_other_tools_are_not_label_studio(content: object, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"none that is known .*; found (a list|one value)"):
        detect_format(path)


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("a.csv", "dog,1,2,3,4,a.jpg,64,48\n", "csv"),
        ("a.csv", "dog,1,2,a.jpg,64,48\n", "csv"),
        ("a.csv", "image,x,y,w,h,label_name\n", "csv"),
        ("a.csv", "#filename,region_shape_attributes,region_attributes\n", "via"),
        ("obj.data", "names = obj.names\n", "yolo"),
    ],
)
def test_tables_and_yolo_1_1(file: str, content: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(content)
    assert detect_format(tmp_path / file).name == name
    if name == "yolo":
        assert detect_format(tmp_path).name == name


def test_xml_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for content in (
        "<annotations><note/></annotations>",
        "<annotation><object><polygon><pt/></polygon></object></annotation>",
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match="none that is known"):
            detect_format(path)


def test_classes_txt_beside_voc_is_voc(tmp_path: Path) -> None:
    """labelImg writes the list of classes in every folder it saves in."""
    (tmp_path / "classes.txt").write_text("cat\n")
    (tmp_path / "a.xml").write_text("<annotation/>")
    assert detect_format(tmp_path).name == "voc"


def test_tables_without_a_header_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a.jpg,1,2,3,4,cat\n")
    with pytest.raises(ValueError, match=r"found the first row a.jpg, 1, .* expected names of col"):
        detect_format(path)
