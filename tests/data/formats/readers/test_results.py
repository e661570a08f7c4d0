import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.read import ReadOptions, read_any, read_scores
from sapnet.geometry.rle import encode_masks, rle_to_json


def record(image_id: int, name: str, score: float, category_id: int = 3) -> dict[str, Any]:
    mask = np.zeros((1, 20, 30), np.uint8)
    mask[0, 5:9, 5:10] = 1
    return {
        "image_id": image_id,
        "file_name": name,
        "category_id": category_id,
        "segmentation": rle_to_json(encode_masks(mask)[0]),
        "bbox": [5, 5, 5, 4],
        "score": score,
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    records = [record(4, "a.jpg", 0.9), record(4, "a.jpg", 0.1), record(8, "b.jpg", 0.5)]
    (tmp_path / "results.json").write_text(json.dumps(records))
    clicks = {"images": [], "annotations": [], "categories": [{"id": 3, "name": "cat"}]}
    (tmp_path / "clicks.json").write_text(json.dumps(clicks))
    return tmp_path / "results.json"


def test_results_with_named_categories(results: Path) -> None:
    findings = Findings()
    options = ReadOptions(categories=results.parent / "clicks.json", min_score=0.3)
    clicks = read_any(results, findings, options)
    assert [(i.image_id, i.file_name) for i in clicks.images] == [(4, "a.jpg"), (8, "b.jpg")]
    assert [c.annotation_id for c in clicks.clicks] == [1, 3]
    assert read_scores(results, "results") == {1: 0.9, 2: 0.1, 3: 0.5}
    assert "1 x results with a score under 0.3, left out" in "\n".join(findings.lines())


def test_categories_must_be_named(results: Path) -> None:
    with pytest.raises(ValueError, match=r"with --categories"):
        read_any(results, Findings())


@pytest.mark.parametrize("change", [{"category_id": 4}, {"file_name": None}])
def test_records_are_checked(change: dict[str, Any], results: Path) -> None:
    broken = {**record(1, "a.jpg", 0.5), **change}
    if broken["file_name"] is None:
        del broken["file_name"]
    results.write_text(json.dumps([broken]))
    with pytest.raises(ValueError, match=r"record 0"):
        read_any(results, Findings(), ReadOptions(categories=results.parent / "clicks.json"))
