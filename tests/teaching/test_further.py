from __future__ import annotations

import numpy as np
import pytest
import torch

from sapnet.proposals.click.prompts import Prompts
from sapnet.teaching.config import PromptConfig
from sapnet.teaching.further import chance_clicks, error_clicks, further_prompts

TARGET = np.zeros((9, 9), np.float32)
TARGET[:, :6] = 1


def test_a_click_falls_in_the_middle_of_what_was_left_out() -> None:
    answer = np.zeros((9, 9), bool)
    answer[:, :3] = True
    ((point, sign),) = error_clicks(answer, TARGET)
    assert sign == 1
    assert point.tolist() == [pytest.approx(4.5 / 9), pytest.approx(1.5 / 9)]


def test_the_larger_of_two_errors_is_clicked() -> None:
    answer = TARGET > 0
    answer[0, 0] = False  # one cell left out, nine too much
    answer[3:6, 6:] = True
    ((point, sign),) = error_clicks(answer, TARGET)
    assert sign == -1
    assert (point * 9).tolist() == pytest.approx([7.5, 4.5])


def test_a_right_mask_has_no_error() -> None:
    assert error_clicks(TARGET > 0, TARGET) == []


def test_clicks_by_chance_are_on_their_side_and_near() -> None:
    target = np.zeros((32, 32), np.float32)
    target[8:12, 8:12] = 1
    rng = np.random.default_rng(0)
    for point, sign in chance_clicks(target, 50, rng):
        column, row = (point * 32).astype(int)
        assert (target[row, column] > 0.5) == (sign > 0)
        assert 3 <= column < 17
        assert 3 <= row < 17
    assert all(sign < 0 for _, sign in chance_clicks(np.zeros((4, 4), np.float32), 5, rng))


def test_further_prompts_keep_the_first_click() -> None:
    prompts = Prompts(
        points=torch.full((8, 1, 2), 0.4),
        signs=torch.ones(8, 1),
        boxes=torch.zeros(8, 4),
        has_box=torch.zeros(8),
        window_index=torch.arange(8),
    )
    targets = torch.from_numpy(TARGET).expand(8, 9, 9)
    how = (PromptConfig(max_clicks=4, box_jitter=0.0), np.random.default_rng(0))
    asked = further_prompts(prompts, torch.zeros(8, 9, 9, dtype=torch.bool), targets, how)
    assert asked.points.shape == (8, 4, 2)
    assert asked.points[:, 0].eq(0.4).all()
    assert asked.signs[:, 0].eq(1).all()
    boxed = asked.has_box == 1
    assert boxed.any()
    assert not boxed.all()
    torch.testing.assert_close(asked.boxes[boxed][0], torch.tensor([0, 0, 6 / 9, 1]))
    assert ((asked.signs[:, 1:] != 0).any(1) | boxed).all()
    assert asked.window_index.tolist() == list(range(8))
