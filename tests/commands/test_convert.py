"""`sapnet convert` on the command line: detection, questions, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sapnet.cli import main
from sapnet.data.clicks import load_clicks

Output = pytest.CaptureFixture[str]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.csv"
    path.write_text("image,width,height,x,y,class\na.jpg,64,48,1,2,cat\na.jpg,64,48,500,2,cat\n")
    return path


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    annotation = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "iscrowd": 1,
        "segmentation": {"size": [4, 4], "counts": [5, 2, 2, 2, 5]},
    }
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [annotation],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content))
    return path


def test_what_was_detected_and_skipped_is_said(table: Path, tmp_path: Path, capsys: Output) -> None:
    out, report = tmp_path / "clicks.json", tmp_path / "report.json"
    assert main(["convert", str(table), "--out", str(out), "--report", str(report)]) == 3
    shown = capsys.readouterr().out
    assert "clicks.csv: csv (its first row names image, width, height, x, y, class" in shown
    assert "1 objects on 1 images, 0 with a box, 0 with a mask" in shown
    assert "skipped: 1 x points outside their image (clicks.csv, line 3" in shown
    assert len(load_clicks(out).clicks) == 1
    entries = json.loads(report.read_text())
    assert [entry["kind"] for entry in entries] == ["skipped", "skipped"]


def test_all_taken_is_0(table: Path, tmp_path: Path) -> None:
    table.write_text("image,width,height,x,y,class\na.jpg,64,48,1,2,cat\n")
    assert main(["convert", str(table), "--out", str(tmp_path / "c.json")]) == 0


def test_crowds_without_an_answer_are_wrong_use(
    crowd: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    out = tmp_path / "clicks.json"
    assert main(["convert", str(crowd), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "--crowd-as-object" in error
    assert "CVAT" in error
    assert not out.exists()


@pytest.mark.parametrize(("option", "count"), [("--crowd-as-object", 1), ("--crowd-as-crowd", 0)])
def test_crowds_by_option(option: str, count: int, crowd: Path, tmp_path: Path) -> None:
    out = tmp_path / "clicks.json"
    assert main(["convert", str(crowd), "--out", str(out), option]) == 0
    assert len(load_clicks(out).clicks) == count


def test_crowds_are_asked_about_on_a_terminal(
    crowd: Path, tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["what?", "Object"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    out = tmp_path / "clicks.json"
    assert main(["convert", str(crowd), "--out", str(out)]) == 0
    assert "1 of 1 annotations have 'iscrowd': 1" in capsys.readouterr().out
    (click,) = load_clicks(out).clicks
    assert click.mask is not None


@pytest.mark.parametrize(
    "words",
    [
        ["--crowd-as-object", "--crowd-as-crowd"],
        ["--path-map", "nothing"],
        ["--from", "excel"],
        ["--to", "coco-rle", "--simplify", "-1"],
    ],
)
def test_wrong_use(words: list[str], table: Path, tmp_path: Path, capsys: Output) -> None:
    assert main(["convert", str(table), "--out", str(tmp_path / "o"), *words]) == 2
    assert "error" in capsys.readouterr().err


def test_masks_to_another_format(crowd: Path, tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "polygons.json"
    words = ["convert", str(crowd), "--crowd-as-object", "--to", "coco-polygons"]
    assert main([*words, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "1 masks on 1 images" in shown
    assert "read back: mean IoU 1.0000, worst 1.0000 (a.jpg, object 1)" in shown


def test_unknown_formats_fail_with_one_line(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert main(["convert", str(tmp_path / "a.json"), "--out", str(tmp_path / "o")]) == 1
    assert "none that is known" in capsys.readouterr().err


def test_unclear_columns_are_wrong_use(table: Path, tmp_path: Path, capsys: Output) -> None:
    table.write_text("image,x,y,class,width,height\na.jpg,10,20,cat,30,40\n")
    out = tmp_path / "c.json"
    assert main(["convert", str(table), "--out", str(out)]) == 2
    assert "--size-columns image or --size-columns box" in capsys.readouterr().err
    assert not out.exists()
    assert main(["convert", str(table), "--out", str(out), "--size-columns", "image"]) == 0
    assert load_clicks(out).clicks[0].points == ((10, 20),)


def test_choices_reach_the_readers(tmp_path: Path) -> None:
    images, out = tmp_path / "images", tmp_path / "c.json"
    images.mkdir()
    Image.new("RGB", (64, 48)).save(images / "a.jpg")
    point = {"shape_attributes": {"name": "point", "cx": 1, "cy": 2}, "region_attributes": {}}
    (tmp_path / "via.json").write_text(json.dumps({"a": {"filename": "a.jpg", "regions": [point]}}))
    words = ["convert", str(tmp_path / "via.json"), "--images", str(images), "--out", str(out)]
    words.append("--overwrite")
    assert main(words) == 1
    assert main([*words, "--default-label", "balloon"]) == 0
    assert load_clicks(out).categories[0].name == "balloon"
    (tmp_path / "images" / "a.txt").write_text("0 .1 .1 .3 .1 .3 .3 .1 .3\n")
    (tmp_path / "images" / "classes.txt").write_text("cat\n")
    words[1] = str(tmp_path / "images")
    assert main(words) == 0
    assert load_clicks(out).clicks[0].mask is None
    assert main([*words, "--four-corners", "outline"]) == 0
    assert load_clicks(out).clicks[0].mask is not None
    track = (
        '<annotations><track label="cat"><points frame="7" keyframe="1" points="3,4"/></track>'
        "</annotations>"
    )
    (tmp_path / "a.xml").write_text(track)
    (images / "a.jpg").rename(images / "frame_000007.jpg")
    words[1] = str(tmp_path / "a.xml")
    assert main([*words, "--key-frames"]) == 0
    assert load_clicks(out).clicks[0].points == ((3, 4),)


def test_unused_categories_are_named_and_dropped_on_request(tmp_path: Path, capsys: Output) -> None:
    """Roboflow's category 0 holds no object."""
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 4}],
        "categories": [{"id": 0, "name": "balls"}, {"id": 1, "name": "red"}],
        "annotations": [annotation],
    }
    path, out = tmp_path / "_annotations.coco.json", tmp_path / "clicks.json"
    path.write_text(json.dumps(content))
    assert main(["convert", str(path), "--out", str(out)]) == 0
    assert "--drop-unused leaves them out ('balls', id 0)" in capsys.readouterr().out
    assert [c.name for c in load_clicks(out).categories] == ["balls", "red"]
    assert main(["convert", str(path), "--out", str(out), "--overwrite", "--drop-unused"]) == 0
    assert [c.name for c in load_clicks(out).categories] == ["red"]
