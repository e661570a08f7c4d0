from __future__ import annotations

import numpy as np
import torch

from sapnet.training.label_quality import LabelQuality

IOUS = {
    7: np.array([0.1, 0.9], np.float32),
    3: np.array([0.5], np.float32),
    20: np.array([0.2, 0.3, 0.4], np.float32),
}


def test_choices_are_looked_up_by_object() -> None:
    found = LabelQuality(IOUS).ious(torch.tensor([20, 3, 7]), torch.tensor([2, 0, 1]))
    torch.testing.assert_close(found, torch.tensor([0.4, 0.5, 0.9]))


def test_objects_without_truth_are_left_out() -> None:
    found = LabelQuality(IOUS).ious(torch.tensor([1, 7, 8, 99]), torch.tensor([5, 0, 1, 2]))
    torch.testing.assert_close(found, torch.tensor([0.1]))


def test_no_objects() -> None:
    empty = torch.zeros(0, dtype=torch.int64)
    assert LabelQuality(IOUS).ious(empty, empty).shape == (0,)


def test_no_truth_at_all() -> None:
    assert LabelQuality({}).ious(torch.tensor([1]), torch.tensor([0])).shape == (0,)
