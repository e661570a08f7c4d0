import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sapnet.data.clicks import load_clicks
from sapnet.data.corrections import load_corrections, save_corrections
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Category, Click, Coverage, IgnoredRegion, ImageRecord
from sapnet.structures.corrections import Correction, Corrections

MASK = encode_masks(np.tri(10, 20, dtype=np.uint8)[None])[0]
CLICK = Click(17, 5, 7, ((1.5, 2.5),), mask=MASK)


@pytest.fixture
def corrections(tmp_path: Path) -> Corrections:
    several = replace(CLICK, annotation_id=3, points=((1.5, 2.5), (0.5, 7.5)))
    return Corrections(
        images=(ImageRecord(5, "ä.jpg", 20, 10),),
        categories=(Category(7, "dog"),),
        fixed={17: Correction(CLICK, "accepted"), 3: Correction(several, "clicked")},
        deleted=frozenset({40, 8}),
        source=tmp_path / "corrections.json",
    )


def test_what_is_saved_is_read(tmp_path: Path, corrections: Corrections) -> None:
    path = save_corrections(tmp_path / "corrections.json", corrections, {"labels": "labels.json"})
    assert load_corrections(path) == corrections
    assert len(corrections) == 4
    assert str(corrections) == "4 corrections: 2 masks fixed, 2 objects left out"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["deleted"] == [8, 40]
    assert content["info"] == {"labels": "labels.json"}


def test_marks_of_images_are_kept(tmp_path: Path, corrections: Corrections) -> None:
    region = IgnoredRegion(7, encode_masks(np.eye(10, 20, dtype=np.uint8)[None])[0])
    marked = replace(corrections, coverage={5: Coverage((7,), (region,))})
    path = save_corrections(tmp_path / "corrections.json", marked)
    assert load_corrections(path) == marked
    assert load_clicks(path).coverage == marked.coverage


def test_it_is_a_clicks_file(tmp_path: Path, corrections: Corrections) -> None:
    path = save_corrections(tmp_path / "corrections.json", corrections)
    clicks = load_clicks(path).clicks
    assert clicks == tuple(correction.click for correction in corrections.fixed.values())


def test_nothing_corrected(tmp_path: Path) -> None:
    path = tmp_path / "corrections.json"
    empty = Corrections((), (), source=path)
    assert load_corrections(save_corrections(path, empty)) == empty


def change(path: Path, key: str, value: object) -> Path:
    content = json.loads(path.read_text(encoding="utf-8"))
    content[key] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("deleted", [3, ["8"], [1.5], [True]])
def test_deleted_must_be_ids(tmp_path: Path, corrections: Corrections, deleted: object) -> None:
    path = save_corrections(tmp_path / "corrections.json", corrections)
    with pytest.raises(ValueError, match=r"corrections\.json: expected 'deleted' as a list of"):
        load_corrections(change(path, "deleted", deleted))


def test_an_object_cannot_be_both(tmp_path: Path, corrections: Corrections) -> None:
    path = save_corrections(tmp_path / "corrections.json", corrections)
    with pytest.raises(ValueError, match=r"corrections\.json: object 17 is both deleted and"):
        load_corrections(change(path, "deleted", [17]))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "correction",
            None,
            "expected 'correction' as one of accepted, picked, clicked, drawn, found N",
        ),
        ("correction", "guessed", "found 'guessed'"),
        ("segmentation", [], "expected a 'segmentation', found none"),
    ],
)
def test_malformed(
    tmp_path: Path, corrections: Corrections, key: str, value: object, message: str
) -> None:
    path = save_corrections(tmp_path / "corrections.json", corrections)
    annotations = json.loads(path.read_text(encoding="utf-8"))["annotations"]
    annotations[0][key] = value
    with pytest.raises(ValueError, match=rf"object 17 \(image 5\): .*{message}"):
        load_corrections(change(path, "annotations", annotations))


def test_a_correction_has_a_mask() -> None:
    with pytest.raises(ValueError, match="object 17: expected a mask"):
        Correction(replace(CLICK, mask=None), "accepted")
