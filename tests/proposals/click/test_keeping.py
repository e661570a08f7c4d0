from __future__ import annotations

import numpy as np
import pytest
import torch

from sapnet.proposals.click.candidates import Candidates
from sapnet.proposals.click.keeping import prompt_fit
from sapnet.structures.clicks import Click


def candidates() -> Candidates:
    """Two windows of 8 x 8 px: the left half and nothing; the same in the window to the right."""
    left = torch.cat([torch.ones(8, 4), -torch.ones(8, 4)], dim=1)
    logits = torch.stack([left, -torch.ones(8, 8)])
    windows = np.array([[0.0, 0.0, 8.0], [8.0, 0.0, 8.0]])
    return Candidates(windows, logits.repeat(2, 1, 1, 1), torch.ones(2, 2))


def test_positive_clicks_are_held_and_negative_ones_left_out() -> None:
    assert prompt_fit(candidates(), Click(1, 1, 1, ((1.0, 1.0),))).tolist() == [1, 0, 0, 0]
    click = Click(1, 1, 1, ((1.0, 1.0), (6.0, 6.0)), ((3.0, 3.0), (9.0, 3.0)))
    assert prompt_fit(candidates(), click).tolist() == [0.5, 0.5, 0.25, 0.5]


def test_a_box_counts_by_its_overlap() -> None:
    click = Click(1, 1, 1, ((1.0, 1.0),), box=(0.0, 0.0, 4.0, 4.0))
    assert prompt_fit(candidates(), click).tolist() == pytest.approx([0.5, 0, 0, 0])
    exact = Click(1, 1, 1, ((1.0, 1.0),), box=(0.0, 0.0, 4.0, 8.0))
    assert prompt_fit(candidates(), exact).tolist() == pytest.approx([1, 0, 0, 0])


def test_an_estimated_box_does_not_count() -> None:
    click = Click(1, 1, 1, ((1.0, 1.0),), box=(0.0, 0.0, 4.0, 4.0), box_score=1.0)
    assert prompt_fit(candidates(), click).tolist() == [1, 0, 0, 0]
