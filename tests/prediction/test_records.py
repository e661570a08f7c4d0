import numpy as np
import pytest
import torch

from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.prediction.records import result_records
from sapnet.structures.clicks import Category
from sapnet.structures.outputs import Predictions

CATEGORIES = (Category(6, "cup"), Category(8, "cat"))


@pytest.fixture
def predictions() -> Predictions:
    """A square of label 1, a mask without a pixel, and a single pixel of label 0; 10 x 20 px."""
    masks = torch.zeros(3, 10, 20, dtype=torch.bool)
    masks[0, 2:8, 3:7] = True
    masks[2, 9, 19] = True
    return Predictions(masks, torch.tensor([1, 0, 0]), torch.tensor([0.75, 0.5, 0.25]))


def test_records_of_an_image(predictions: Predictions) -> None:
    first, second = result_records(predictions, CATEGORIES, 4, file_name="a.png")
    keys = ["image_id", "file_name", "category_id", "category_name"]
    keys += ["segmentation", "bbox", "score"]
    assert list(first) == keys
    assert (first["image_id"], first["file_name"], first["category_id"]) == (4, "a.png", 8)
    assert (first["category_name"], second["category_name"]) == ("cat", "cup")
    assert (first["bbox"], first["score"]) == ([3, 2, 4, 6], 0.75)
    mask = decode_masks([to_rle(first["segmentation"], 10, 20)])[0]
    np.testing.assert_array_equal(mask, predictions.masks[0].numpy())
    assert (second["category_id"], second["bbox"], second["score"]) == (6, [19, 9, 1, 1], 0.25)


def test_without_a_name(predictions: Predictions) -> None:
    assert "file_name" not in result_records(predictions, CATEGORIES, 4)[0]


def test_the_threshold_is_inclusive(predictions: Predictions) -> None:
    assert len(result_records(predictions, CATEGORIES, 4, score_threshold=0.25)) == 2
    assert len(result_records(predictions, CATEGORIES, 4, score_threshold=0.75)) == 1
    assert result_records(predictions, CATEGORIES, 4, score_threshold=0.8) == []
