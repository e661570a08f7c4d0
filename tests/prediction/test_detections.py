from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
import torch
from PIL import Image

from sapnet.prediction.detections import Detections, to_detections
from sapnet.prediction.drawing import draw_predictions
from sapnet.structures.clicks import Category
from sapnet.structures.outputs import Predictions

HEIGHT, WIDTH = 60, 80
CATEGORIES = (Category(6, "cup"), Category(8, "cat"))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


@pytest.fixture
def predictions() -> Predictions:
    """Two rectangles, of label 1 with 0.75 and of label 0 with 0.25."""
    masks = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool)
    masks[0, 20:50, 5:30] = True
    masks[1, 30:55, 45:75] = True
    return Predictions(masks, torch.tensor([1, 0]), torch.tensor([0.75, 0.25]))


@pytest.fixture
def found(predictions: Predictions, pixels: np.ndarray) -> Detections:
    return Detections.of(to_detections(predictions, CATEGORIES), pixels)


def test_predictions_become_detections(predictions: Predictions) -> None:
    found = to_detections(predictions, CATEGORIES)
    assert isinstance(found, sv.Detections)
    assert found.xyxy.tolist() == [[5, 20, 30, 50], [45, 30, 75, 55]]
    np.testing.assert_array_equal(found.mask, predictions.masks.numpy())
    assert found.class_id.tolist() == [1, 0]
    assert found.data["class_name"].tolist() == ["cat", "cup"]
    assert found.data["category_id"].tolist() == [8, 6]
    assert to_detections(predictions, CATEGORIES, 0.5).class_id.tolist() == [1]


def test_subsets_keep_class_and_image(found: Detections) -> None:
    for subset in (found[found.confidence > 0.5], found[0], found[[0]], found[:1]):
        assert isinstance(subset, Detections)
        assert len(subset) == 1
        assert subset.pixels is found.pixels
        assert subset.data["class_name"].tolist() == ["cat"]
    assert found["class_name"].tolist() == ["cat", "cup"]
    assert [entry[2] for entry in found] == [0.75, 0.25]
    assert found.with_nms(0.5) == found


def test_plot_draws_what_predict_draws(found: Detections, pixels: np.ndarray) -> None:
    picture = found.plot()
    assert picture.mode == "RGB"
    expected = draw_predictions(pixels, found, ["cup", "cat"])
    np.testing.assert_array_equal(np.asarray(picture), expected)
    assert (pixels == 128).all(), "the image stays as it is"


def test_the_threshold_of_a_plot(found: Detections, pixels: np.ndarray) -> None:
    def changed(picture: Image.Image) -> list[bool]:
        drawn = np.asarray(picture)
        return [bool((drawn[y, x] != 128).any()) for y, x in ((35, 15), (45, 60))]

    found.draw_threshold = 0.5
    assert changed(found.plot()) == [True, False]
    assert changed(found.plot(draw_threshold=0.1)) == [True, True]
    # Whoever chooses a subset wants to see it.
    assert changed(found[found.confidence < 0.5].plot()) == [False, True]
    np.testing.assert_array_equal(np.asarray(found.plot(draw_threshold=1.0)), pixels)


def test_without_names_and_scores(found: Detections, pixels: np.ndarray) -> None:
    plain = sv.Detections(xyxy=found.xyxy, mask=found.mask, class_id=found.class_id)
    drawn = np.asarray(Detections.of(plain, pixels).plot())
    assert (drawn[35, 15] != 128).any()


def test_save(found: Detections, tmp_path: Path) -> None:
    path = found.save(tmp_path / "new" / "picture.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(found.plot()))
    assert Image.open(found.save(str(tmp_path / "a.jpg"))).size == (WIDTH, HEIGHT)


def test_without_an_image(predictions: Predictions) -> None:
    found = to_detections(predictions, CATEGORIES)
    with pytest.raises(ValueError, match="carry no image to draw on"):
        found.plot()


def test_no_instances(pixels: np.ndarray) -> None:
    empty = Detections.of(sv.Detections.empty(), pixels)
    np.testing.assert_array_equal(np.asarray(empty.plot()), pixels)


def test_detections_can_be_pickled(found: Detections) -> None:
    copy = pickle.loads(pickle.dumps(found))
    assert copy == found
    np.testing.assert_array_equal(copy.pixels, found.pixels)
