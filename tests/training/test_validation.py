from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sapnet.data.coco import InstanceSet, load_instances
from sapnet.structures.clicks import Category
from sapnet.structures.outputs import Predictions
from sapnet.training.module import _gather
from sapnet.training.validation import Validation


@pytest.fixture
def truth(tmp_path: Path) -> InstanceSet:
    """Two images of 20 x 10 px; a square of category 8 on the first."""
    path = tmp_path / "instances.json"
    path.write_text(
        """{"images": [{"id": 4, "file_name": "a.png", "width": 20, "height": 10},
                       {"id": 5, "file_name": "b.png", "width": 20, "height": 10}],
            "categories": [{"id": 6, "name": "cup"}, {"id": 8, "name": "cat"}],
            "annotations": [{"id": 1, "image_id": 4, "category_id": 8, "iscrowd": 0, "area": 36,
                             "bbox": [2, 2, 6, 6],
                             "segmentation": [[2, 2, 8, 2, 8, 8, 2, 8]]}]}"""
    )
    return load_instances(path)


def _predictions(*masks: torch.Tensor) -> Predictions:
    count = len(masks)
    return Predictions(
        masks=torch.stack(masks) if masks else torch.zeros(0, 10, 20, dtype=torch.bool),
        labels=torch.ones(count, dtype=torch.int64),
        scores=torch.linspace(0.9, 0.5, count),
    )


def _square() -> torch.Tensor:
    mask = torch.zeros(10, 20, dtype=torch.bool)
    mask[2:8, 2:8] = True
    return mask


def test_a_perfect_prediction(truth: InstanceSet) -> None:
    validation = Validation(truth, truth.categories)
    results = validation.encode([_predictions(_square()), _predictions()], [4, 5])
    assert [(r["image_id"], r["category_id"]) for r in results] == [(4, 8)]
    figures = validation.score(results)
    assert figures.keys() == {"mask_ap", "mask_ap50", "mask_ap75", "box_ap"}
    assert figures["mask_ap"] == pytest.approx(1)


def test_no_prediction_scores_zero(truth: InstanceSet) -> None:
    assert Validation(truth, truth.categories).score([])["mask_ap"] == 0


def test_vanished_masks_are_no_result(truth: InstanceSet) -> None:
    empty = torch.zeros(10, 20, dtype=torch.bool)
    results = Validation(truth, truth.categories).encode([_predictions(_square(), empty)], [4])
    assert len(results) == 1


def test_categories_unknown_to_the_truth_are_found_at_once(truth: InstanceSet) -> None:
    with pytest.raises(ValueError, match=r"category 'dog' \(9\) .* is not in --val\.truth"):
        Validation(truth, [*truth.categories, Category(9, "dog")])


def test_without_other_ranks_results_stay_as_they_are() -> None:
    results = [{"image_id": 1}, {"image_id": 1}]
    assert _gather(results) == results


def test_images_that_two_ranks_saw_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import distributed

    first = [{"image_id": 1, "score": 0.5}, {"image_id": 1, "score": 0.4}]
    second = [{"image_id": 2, "score": 0.3}, {"image_id": 1, "score": 0.5}]

    def gather(parts: list[object], _: object) -> None:
        parts[:] = [first, second]

    monkeypatch.setattr("sapnet.training.module.num_ranks", lambda: 2)
    monkeypatch.setattr(distributed, "all_gather_object", gather)
    assert _gather(first) == [*first, second[0]]


def test_categories_are_matched_by_name(
    truth: InstanceSet, caplog: pytest.LogCaptureFixture
) -> None:
    """The model numbers them the other way round; its label 1 is the cat."""
    validation = Validation(truth, [Category(8, "cup"), Category(6, "cat")])
    results = validation.encode([_predictions(_square())], [4])
    assert [(r["category_id"], r["category_name"]) for r in results] == [(8, "cat")]
    assert validation.score(results)["mask_ap"] == pytest.approx(1)
    assert "they are matched by name" in caplog.text
    with pytest.raises(ValueError, match=r"category 8 is 'dog' in .* and 'cat' in --val\.truth"):
        Validation(truth, [Category(8, "dog")])
