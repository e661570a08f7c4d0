from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.quality.real_sets.bootstrap import (
    average_precisions,
    match_predictions,
    share_of,
)
from sapnet.data.coco import load_instances
from sapnet.evaluation.predictions import read_results, run_coco
from sapnet.geometry.rle import encode_masks, rle_to_json

SIDE, IMAGES, CATEGORIES = 40, 6, 2


def box_mask(rng: np.random.Generator, near: np.ndarray | None = None) -> np.ndarray:
    """A rectangle (H, W); near another one, where that is given as x1, y1, x2, y2."""
    if near is None:
        start = rng.integers(0, SIDE - 12, 2)
        near = np.concatenate([start, start + rng.integers(6, 12, 2)])
    x1, y1, x2, y2 = np.clip(near + rng.integers(-1, 2, 4), 0, SIDE)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)] = True
    return mask


def record(mask: np.ndarray, **values: float) -> dict[str, Any]:
    return {"segmentation": rle_to_json(encode_masks(mask[None])[0]), **values}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Results and truth: objects, crowds, near hits, doubles and false finds."""
    rng = np.random.default_rng(0)
    annotations, results = [], []
    for number in range(60):
        image, category = int(rng.integers(IMAGES)) + 1, int(rng.integers(CATEGORIES)) + 1
        mask = box_mask(rng)
        crowd = number % 9 == 0
        own = {"image_id": image, "category_id": category}
        annotations.append(
            record(mask, id=number + 1, iscrowd=int(crowd), area=int(mask.sum()), **own)
        )
        ys, xs = np.nonzero(mask)
        box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
        for _ in range(int(rng.integers(0, 3))):
            score = float(rng.random())
            results.append(record(box_mask(rng, box), score=score, **own))
        results.append(record(box_mask(rng), score=float(rng.random()), **own))
    truth = {
        "images": [
            {"id": i + 1, "file_name": f"{i}.png", "width": SIDE, "height": SIDE}
            for i in range(IMAGES)
        ],
        "categories": [{"id": c + 1, "name": f"c{c}"} for c in range(CATEGORIES)],
        "annotations": annotations,
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path / "results.json", tmp_path / "truth.json"


def coco_ap(results: Path, truth: Path) -> np.ndarray:
    gt = load_instances(truth)
    precision = run_coco(read_results(results, gt), gt, "segm").eval["precision"]
    return np.asarray(precision)[:, :, :, 0, -1].mean(axis=(1, 2))


def test_the_plain_figure_is_that_of_coco(files: tuple[Path, Path]) -> None:
    found = average_precisions(match_predictions(*files), np.ones(IMAGES, int))
    assert found == pytest.approx(coco_ap(*files), abs=1e-9)
    assert 0.1 < found.mean() < 0.9


def test_an_image_that_counts_twice_is_there_twice(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    results, truth = (json.loads(path.read_text()) for path in files)
    times = np.array([2, 1, 0, 1, 3, 1])
    drawn: dict[str, list[Any]] = {"images": [], "annotations": [], "results": []}
    for index, count in enumerate(times):
        for _ in range(count):
            new = len(drawn["images"]) + 1
            drawn["images"].append(
                {"id": new, "file_name": f"{new}.png", "width": SIDE, "height": SIDE}
            )
            for name, records in (("annotations", truth["annotations"]), ("results", results)):
                own = [one for one in records if one["image_id"] == index + 1]
                drawn[name] += [
                    {**one, "image_id": new, "id": len(drawn[name]) + k + 1}
                    for k, one in enumerate(own)
                ]
    resampled = {**truth, "images": drawn["images"], "annotations": drawn["annotations"]}
    (tmp_path / "t.json").write_text(json.dumps(resampled))
    (tmp_path / "r.json").write_text(json.dumps(drawn["results"]))
    found = average_precisions(match_predictions(*files), times)
    assert found == pytest.approx(coco_ap(tmp_path / "r.json", tmp_path / "t.json"), abs=1e-9)


def test_a_share_of_oneself_is_one_for_every_draw(files: tuple[Path, Path]) -> None:
    matches = match_predictions(*files)
    share = share_of([matches], [matches, matches], samples=20)
    assert (share.share, share.low, share.high) == pytest.approx((1, 1, 1))


def test_a_share_has_an_interval(files: tuple[Path, Path], tmp_path: Path) -> None:
    """Without the finds of two images, between half and all of the AP is left."""
    matches = match_predictions(*files)
    kept = [one for one in json.loads(files[0].read_text()) if one["image_id"] > 2]
    (tmp_path / "fewer.json").write_text(json.dumps(kept))
    fewer = match_predictions(tmp_path / "fewer.json", files[1])
    share = share_of([fewer], [matches], samples=200)
    assert 0 < share.low < share.share < share.high <= 1 + 1e-9
