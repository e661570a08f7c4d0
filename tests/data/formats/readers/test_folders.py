"""Folders of json files: Roboflow's splits, COCO's own folder, exports of Label Studio by task."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sapnet.data.formats.detect import detect_format
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any, read_scores
from sapnet.structures.clicks import Coverage

CATEGORIES = [{"id": 0, "name": "balls"}, {"id": 1, "name": "red"}]


def write(path: Path, names: list[str], first: int = 0, **fields: object) -> Path:
    """One box per image; ids from `first` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "images": [
            {"id": i, "file_name": name, "width": 64, "height": 48}
            for i, name in enumerate(names, first)
        ],
        "categories": CATEGORIES,
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [5, 5, 10, 10], "score": 0.5}
            for i in range(first, first + len(names))
        ],
        **fields,
    }
    path.write_text(json.dumps(content))
    return path


def place(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(folder / name)


def test_splits_of_roboflow(tmp_path: Path) -> None:
    """The same name and the same ids in two splits are two images."""
    for split, names in (("train", ["a.jpg", "b.jpg"]), ("valid", ["a.jpg"]), ("test", [])):
        write(tmp_path / split / "_annotations.coco.json", names)
        place(tmp_path / split, *names)
    detected = detect_format(tmp_path)
    assert detected.name == "coco"
    assert "_annotations.coco.json" in detected.reason
    findings = Findings()
    clicks = read_any(tmp_path, findings)
    assert [(i.image_id, i.file_name) for i in clicks.images] == [
        (1, "train/a.jpg"),
        (2, "train/b.jpg"),
        (3, "valid/a.jpg"),
    ]
    assert [(c.annotation_id, c.image_id) for c in clicks.clicks] == [(1, 1), (2, 2), (3, 3)]
    assert [(c.category_id, c.name) for c in clicks.categories] == [(0, "balls"), (1, "red")]
    text = "\n".join(findings.lines())
    assert "3 x files joined to one, which keeps no split (test/_annotations.coco.json" in text
    assert "image ids that several files use, numbered anew" in text
    assert "object ids that several files use, numbered anew" in text
    assert read_any(tmp_path, Findings(), ReadOptions(images=tmp_path)).images == clicks.images


def test_ids_that_differ_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "train.json", ["a.jpg"], first=7)
    write(tmp_path / "annotations" / "val.json", ["b.jpg"], first=9)
    clicks = read_any(tmp_path, Findings())
    assert [(i.image_id, i.file_name) for i in clicks.images] == [(7, "a.jpg"), (9, "b.jpg")]
    assert [click.annotation_id for click in clicks.clicks] == [7, 9]
    assert read_scores(tmp_path, "coco") == {7: 0.5, 9: 0.5}


def test_categories_are_matched_by_name(tmp_path: Path) -> None:
    """Ids that mean different things in two files must not be joined."""
    write(tmp_path / "a.json", ["a.jpg"], categories=[{"id": 1, "name": "cat"}])
    swapped = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    write(tmp_path / "b.json", ["b.jpg"], categories=swapped)
    findings = Findings()
    clicks = read_any(tmp_path, findings)
    names = {c.category_id: c.name for c in clicks.categories}
    assert [names[click.category_id] for click in clicks.clicks] == ["cat", "dog"]
    assert (
        "categories matched by name and numbered anew ('cat', ids 1, 2; 'dog', ids 1)"
        in "\n".join(findings.lines())
    )


def test_marked_images_are_partial_for_categories_of_other_files(tmp_path: Path) -> None:
    """Nobody looked for these there; an image that is partial as a whole stays so."""
    car, bike = {"id": 1, "name": "car"}, {"id": 7, "name": "bike"}
    write(tmp_path / "a.json", ["a.jpg", "b.jpg", "c.jpg"], categories=[car])
    write(tmp_path / "d.json", ["d.jpg"], first=9, categories=[car, bike])
    content = json.loads((tmp_path / "a.json").read_text())
    content["images"][0]["done"], content["images"][1]["done"] = True, False
    (tmp_path / "a.json").write_text(json.dumps(content))
    clicks = read_any(tmp_path, Findings())
    partial = {i.file_name: clicks.coverage.get(i.image_id, Coverage()) for i in clicks.images}
    found = {name: coverage.partial for name, coverage in partial.items()}
    assert found == {"a.jpg": (7,), "b.jpg": (1, 7), "c.jpg": None, "d.jpg": None}


def test_bands_that_all_files_note_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.json", ["a.jpg"], info={"bands": [4, 3, 2]})
    assert read_any(tmp_path, Findings()).bands == (4, 3, 2)
    write(tmp_path / "b.json", ["b.jpg"], first=9, info={"bands": [4, 3, 2]})
    assert read_any(tmp_path, Findings()).bands == (4, 3, 2)
    write(tmp_path / "c.json", ["c.jpg"], first=11)
    findings = Findings()
    assert read_any(tmp_path, findings).bands == ()
    assert "bands that differ between files" in "\n".join(findings.lines())


def test_an_image_in_two_files_is_refused(tmp_path: Path) -> None:
    """COCO's own folder: instances_ and person_keypoints_ list the same images."""
    write(tmp_path / "instances_val.json", ["a.jpg"])
    write(tmp_path / "person_keypoints_val.json", ["a.jpg"])
    with pytest.raises(
        ValueError, match=r"instances_val\.json and person_keypoints_val\.json both list 'a\.jpg'"
    ):
        read_any(tmp_path, Findings())


def test_other_json_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.json", ["a.jpg"])
    (tmp_path / "notes.json").write_text('{"author": "me"}')
    assert len(read_any(tmp_path, Findings()).images) == 1


def test_tasks_of_label_studio(tmp_path: Path) -> None:
    """One json list per annotator."""
    for name in ("a", "b"):
        result = {
            "id": "1",
            "type": "keypointlabels",
            "from_name": "k",
            "to_name": "image",
            "original_width": 64,
            "original_height": 48,
            "value": {"x": 50, "y": 50, "width": 2, "keypointlabels": ["cat"]},
        }
        data = {"image": f"/data/upload/1/{name}.jpg"}
        task = {"id": 1, "data": data, "annotations": [{"id": 1, "result": [result]}]}
        (tmp_path / f"{name}.json").write_text(json.dumps([task]))
    assert detect_format(tmp_path).name == "label-studio"
    clicks = read_any(tmp_path, Findings())
    assert [i.file_name for i in clicks.images] == ["a.jpg", "b.jpg"]
    assert [click.points for click in clicks.clicks] == [((32, 24),), ((32, 24),)]
