from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.proposals.from_file import UNSCORED, FileProposer
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord

IMAGE = np.zeros((6, 8, 3), np.uint8)


def square(x: int, y: int, side: int = 2) -> np.ndarray:
    mask = np.zeros((6, 8), np.uint8)
    mask[y : y + side, x : x + side] = 1
    return mask


def as_json(mask: np.ndarray) -> dict[str, Any]:
    rle = encode_masks(mask[None])[0]
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def save(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def click(annotation_id: int) -> Click:
    return Click(annotation_id, 1, 1, ((1.5, 1.5),))


@pytest.mark.parametrize("wrapped", [False, True])
def test_masks_scores_and_order(tmp_path: Path, wrapped: bool) -> None:
    records = [
        {"annotation_id": 2, "segmentations": [as_json(square(3, 1))]},
        {
            "annotation_id": 1,
            "segmentations": [as_json(square(0, 0)), [[2, 1, 5, 1, 5, 4, 2, 4]]],
            "scores": [0.25, 1.03],
        },
    ]
    content = {"proposals": records} if wrapped else records
    proposer = FileProposer(save(tmp_path / "p.json", content))
    first, second = proposer.propose(IMAGE, [click(1), click(2)])
    np.testing.assert_array_equal(decode_masks(first.rles)[0], square(0, 0))
    np.testing.assert_array_equal(decode_masks(first.rles)[1], square(2, 1, side=3))
    assert first.boxes.tolist() == [[0, 0, 2, 2], [2, 1, 5, 4]]
    assert first.scores.tolist() == [0.25, 1.0]  # a predicted IoU just over 1 is clamped
    assert second.scores.tolist() == [UNSCORED]
    assert first.prompts == ("file", "file")
    assert proposer.propose(IMAGE, []) == []


def test_uncompressed_run_lengths(tmp_path: Path) -> None:
    uncompressed = {"size": [6, 8], "counts": [6, 6, 36]}  # the second column
    path = save(tmp_path / "p.json", [{"annotation_id": 1, "segmentations": [uncompressed]}])
    (bag,) = FileProposer(path).propose(IMAGE, [click(1)])
    assert bag.boxes.tolist() == [[1, 0, 2, 6]]


def test_survives_pickling_and_knows_its_content(tmp_path: Path) -> None:
    path = save(
        tmp_path / "p.json", [{"annotation_id": 1, "segmentations": [as_json(square(0, 0))]}]
    )
    proposer = FileProposer(path)
    again = pickle.loads(pickle.dumps(proposer))
    assert again.settings == proposer.settings
    assert again.propose(IMAGE, [click(1)])[0].rles == proposer.propose(IMAGE, [click(1)])[0].rles
    save(path, [{"annotation_id": 1, "segmentations": [as_json(square(1, 1))]}])
    assert FileProposer(path).settings != proposer.settings


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"segmentations": [[]]}, "record 0: expected an object with an integer 'annotation_id'"),
        ({"annotation_id": 4}, "annotation_id 4.*expected 'segmentations'"),
        ({"annotation_id": 4, "segmentations": []}, "annotation_id 4.*one or more"),
        (
            {"annotation_id": 4, "segmentations": [[[0, 0, 1, 0, 1, 1]]], "scores": [0.1, 0.2]},
            "annotation_id 4.*expected 1 'scores'.*found 2",
        ),
        (
            {"annotation_id": 4, "segmentations": [[[0, 0, 1, 0, 1, 1]]], "scores": [87]},
            "annotation_id 4.*in \\[0, 1\\], found 87",
        ),
    ],
)
def test_wrong_records_are_named(tmp_path: Path, record: object, message: str) -> None:
    path = save(tmp_path / "p.json", [record])
    with pytest.raises(ValueError, match=f"p.json.*{message}"):
        FileProposer(path)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.json"):
        FileProposer(tmp_path / "nowhere.json")
    with pytest.raises(ValueError, match=r"p.json.*expected a list.*found str"):
        FileProposer(save(tmp_path / "p.json", "masks"))
    (tmp_path / "p.json").write_text("[")
    with pytest.raises(ValueError, match=r"p.json: not json"):
        FileProposer(tmp_path / "p.json")


def test_duplicate_object(tmp_path: Path) -> None:
    record = {"annotation_id": 9, "segmentations": [as_json(square(0, 0))]}
    with pytest.raises(ValueError, match=r"p.json: annotation_id 9 appears twice"):
        FileProposer(save(tmp_path / "p.json", [record, record]))


def test_mask_of_another_size(tmp_path: Path) -> None:
    record = {"annotation_id": 9, "segmentations": [{"size": [8, 6], "counts": [48]}]}
    proposer = FileProposer(save(tmp_path / "p.json", [record]))
    with pytest.raises(ValueError, match=r"p.json, annotation_id 9: .*\[6, 8\].*\[8, 6\]"):
        proposer.propose(IMAGE, [click(9)])


def test_objects_are_compared_with_the_clicks(tmp_path: Path) -> None:
    records = [{"annotation_id": i, "segmentations": [as_json(square(0, 0))]} for i in (1, 2, 3)]
    proposer = FileProposer(save(tmp_path / "p.json", records))

    def clicks(*ids: int) -> ClickSet:
        return ClickSet((), (), tuple(click(i) for i in ids))

    proposer.check_objects(clicks(3, 2, 1))
    with pytest.raises(ValueError, match=r"p.json: no proposals for annotation_id 4 of the clicks"):
        proposer.check_objects(clicks(1, 2, 3, 4))
    with pytest.raises(ValueError, match=r"p.json: annotation_ids 2, 3 not among the clicks"):
        proposer.check_objects(clicks(1))


def test_scores_outside_the_unit_interval_are_clamped_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The predicted IoUs of SAM exceed 1."""
    polygon = [[1, 1, 5, 1, 5, 5, 1, 5]]
    record = {"annotation_id": 1, "segmentations": [polygon] * 3, "scores": [1.3, -0.2, 0.5]}
    path = tmp_path / "p.json"
    path.write_text(json.dumps([record]))
    proposer = FileProposer(path)
    assert caplog.messages == [f"{path}: 2 scores outside [0, 1], clamped"]
    (bag,) = proposer.propose(np.zeros((8, 8, 3), np.uint8), [Click(1, 1, 1, ((2.5, 2.5),))])
    assert bag.scores.tolist() == [1, 0, 0.5]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), "0.9", None, True, 10**400])
def test_scores_that_are_no_numbers_are_refused(tmp_path: Path, score: object) -> None:
    polygon = [[1, 1, 5, 1, 5, 5, 1, 5]]
    record = {"annotation_id": 1, "segmentations": [polygon], "scores": [score]}
    path = tmp_path / "p.json"
    path.write_text(json.dumps([record]))
    with pytest.raises(ValueError, match=r"p\.json, record 0 .*expected finite numbers as scores"):
        FileProposer(path)


@pytest.mark.parametrize(
    ("key", "value"), [("image_id", 2), ("category_id", 5), ("file_name", "b.png")]
)
def test_records_that_name_another_image_or_category_are_refused(
    tmp_path: Path, key: str, value: object
) -> None:
    clicks = ClickSet(
        (ImageRecord(1, "a.png", 8, 8),), (Category(1, "cup"),), (Click(1, 1, 1, ((2.5, 2.5),)),)
    )
    record = {"annotation_id": 1, "segmentations": [[[1, 1, 5, 1, 5, 5]]], "image_id": 1}
    path = tmp_path / "p.json"
    path.write_text(json.dumps([record | {"category_id": 1, "file_name": "a.png"}]))
    FileProposer(path).check_objects(clicks)
    path.write_text(json.dumps([record | {key: value}]))
    with pytest.raises(ValueError, match=rf"annotation_id 1: expected the {key} .* of the clicks"):
        FileProposer(path).check_objects(clicks)
