from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.data.formats.signs import (
    is_labelme,
    is_via,
    known_columns,
    read_header_row,
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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_columns_of_a_table(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(separator.join(("File Name", "X", "label", "other")) + "\n")
    header = read_header_row(path)
    assert header == ["File Name", "X", "label", "other"]
    assert known_columns(header) == {"image": "File Name", "x": "X", "category": "label"}


def test_folders(tmp_path: Path) -> None:
    assert yolo_root(tmp_path) is None
    (tmp_path / "classes.txt").write_text("cat\n")
    assert yolo_root(tmp_path) == tmp_path
    assert yolo_root(tmp_path / "data.yaml") is None
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "a.xml").write_text("<a/>")
    (tmp_path / "Annotations" / "b.xml").write_text("<a/>")
    assert [path.name for path in voc_files(tmp_path)] == ["b.xml"]
    assert voc_files(tmp_path / "a.xml") == [tmp_path / "a.xml"]
