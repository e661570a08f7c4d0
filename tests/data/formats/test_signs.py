from __future__ import annotations

from pathlib import Path

from sapnet.data.formats.signs import (
    is_labelme,
    is_via,
    is_via_header,
    voc_files,
    yolo_root,
)


def test_json_formats() -> None:
    assert is_labelme({"shapes": [], "imagePath": "a.jpg"})
    assert not is_labelme({"shapes": []})
    assert is_via({"_via_img_metadata": {}})
    assert is_via({"a.jpg12": {"filename": "a.jpg", "regions": []}})
    assert not is_via({})
    assert not is_via([])


def test_the_header_of_via() -> None:
    header = ["#filename", "file_size", "region_shape_attributes", "region_attributes"]
    assert is_via_header(header)
    assert not is_via_header(header[:3])


def test_folders(tmp_path: Path) -> None:
    assert yolo_root(tmp_path) is None
    (tmp_path / "classes.txt").write_text("cat\n")
    assert yolo_root(tmp_path) == tmp_path
    assert yolo_root(tmp_path / "data.yaml") is None
    (tmp_path / "obj.data").write_text("names = data/obj.names\n")
    assert yolo_root(tmp_path / "obj.data") == tmp_path
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "a.xml").write_text("<a/>")
    (tmp_path / "Annotations" / "b.xml").write_text("<a/>")
    assert [path.name for path in voc_files(tmp_path)] == ["b.xml"]
    assert voc_files(tmp_path / "a.xml") == [tmp_path / "a.xml"]
