"""The file of an audit: written, read again, continued, and refused where it is not one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sapnet.evaluation.audit.audit_file import Audit, draw_audit, load_audit, save_audit
from sapnet.evaluation.label_file import Label, LabelSet
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import Category, ImageRecord


def make_labels(num: int, side: int = 4) -> LabelSet:
    """Labels of squares of growing side, by turns of two categories."""
    labels = {}
    for key in range(1, num + 1):
        mask = np.zeros((1, 64, 64), np.uint8)
        mask[0, : side + key % 30, : side + key % 30] = 1
        rle = encode_masks(mask)[0]
        labels[key] = Label(key, 1, 1 + key % 2, rle, 0.5, (1, 1), None, uncertainty=key / num)
    return LabelSet(
        frozenset({1}),
        labels,
        (ImageRecord(1, "a.png", 64, 64),),
        (Category(1, "cat"), Category(2, "dog")),
    )


def test_an_audit_is_read_as_it_was_written(tmp_path: Path) -> None:
    audit = draw_audit("labels.json", make_labels(90), 20, seed=1).judged(2, "fix")
    found = load_audit(save_audit(tmp_path / "audit.json", audit))
    assert found == audit
    assert found.num_judged == 1
    assert sum(found.totals.values()) == 90
    assert {entry.stratum for entry in found.sample} == set(found.totals)


def test_a_continued_audit_keeps_its_judgements() -> None:
    labels = make_labels(90)
    first = draw_audit("labels.json", labels, 20, seed=1).judged(0, "keep")
    again = draw_audit("labels.json", labels, None, seed=1, before=first)
    assert again.sample[:20] == first.sample
    assert len(again.sample) == 90  # the default is more than there are
    more = draw_audit("labels.json", labels, 40, seed=1, before=first)
    assert len(more.sample) == 40
    assert draw_audit("labels.json", labels, 10, seed=1, before=first).sample == first.sample


def test_judgements_of_other_labels_are_refused() -> None:
    first = draw_audit("labels.json", make_labels(90), 20, seed=1)
    with pytest.raises(ValueError, match="labels have changed"):
        draw_audit("labels.json", make_labels(90, side=5), 20, seed=1, before=first)
    with pytest.raises(ValueError, match="number of labels"):
        draw_audit("labels.json", make_labels(95), 20, seed=1, before=first)
    with pytest.raises(ValueError, match="expected the seed 1"):
        draw_audit("labels.json", make_labels(90), 20, seed=2, before=first)


def test_no_labels_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected labels to audit, found none"):
        draw_audit("labels.json", make_labels(0), None, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample": [{"id": 1}]}, "entry 1 of 'sample'.*'size'"),
        ({"strata": [{"category_id": 1, "size": "tiny", "num_labels": 2}]}, "'tiny'"),
        ({"strata": [{"category_id": 1, "size": "small", "num_labels": 0}]}, "positive integer"),
        ({"seed": "x"}, "the file"),
        ({"sample": None}, "the file"),
    ],
)
def test_a_file_of_something_else_is_named(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = save_audit(tmp_path / "audit.json", draw_audit("l", make_labels(9), 9, seed=1))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        load_audit(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("judgement", "good", "not one of keep, fix, wrong"),
        ("uncertainty", 1.5, r"not a number in \[0, 1\]"),
        ("id", 1, "there twice"),
        ("category_id", 9, "not in 'strata'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, key: str, value: object, message: str) -> None:
    path = save_audit(tmp_path / "audit.json", draw_audit("l", make_labels(9), 9, seed=1))
    content = json.loads(path.read_text())
    for record in content["sample"] if key == "id" else content["sample"][:1]:
        record[key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        load_audit(path)


def test_a_list_is_no_audit(tmp_path: Path) -> None:
    path = tmp_path / "audit.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected the file of an audit"):
        load_audit(path)


def test_judgements_can_be_taken_back() -> None:
    audit: Audit = draw_audit("l", make_labels(9), 9, seed=1).judged(3, "wrong")
    assert audit.judged(3, None).num_judged == 0
