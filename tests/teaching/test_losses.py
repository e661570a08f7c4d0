from __future__ import annotations

import math

import pytest
import torch

from sapnet.proposals.click.decoder import Answers
from sapnet.teaching.losses import (
    BCE_WEIGHT,
    OTHERS_WEIGHT,
    mask_ious,
    mask_losses,
    teach_losses,
)

HALF = torch.tensor([[[1.0, 1.0, 0.0, 0.0]] * 4])
"""One target: the left half of 4 x 4 cells."""


def logits_of(*masks: torch.Tensor, size: float = 20.0) -> torch.Tensor:
    return ((torch.stack(masks) * 2 - 1) * size)[None]


def test_iou_counts_what_lies_beyond_the_window() -> None:
    logits = logits_of(HALF[0], torch.ones(4, 4), torch.zeros(4, 4))
    assert mask_ious(logits, HALF, torch.zeros(1)).tolist() == [[1, 0.5, 0]]
    assert mask_ious(logits, HALF, torch.full((1,), 0.5)).tolist() == [
        [0.5, pytest.approx(1 / 3), 0]
    ]


def test_a_right_mask_costs_nothing_and_an_undecided_one_log_two() -> None:
    losses = mask_losses(logits_of(HALF[0], 0.5 + 0 * HALF[0]), HALF)
    assert losses[0, 0].item() == pytest.approx(0, abs=1e-6)
    dice = 1 - 2 * 0.5 * 8 / (0.25 * 16 + 8)
    weights = 1 + 2 * 8 / 16  # cells beside the outline, one column on each side of it
    entropy = BCE_WEIGHT * math.log(2) * weights
    assert losses[0, 1].item() == pytest.approx(dice + entropy, rel=1e-3)


def test_only_the_best_mask_counts_in_full() -> None:
    logits = logits_of(HALF[0], torch.ones(4, 4)).requires_grad_()
    losses = teach_losses(Answers(logits, torch.zeros(1, 2)), HALF, torch.zeros(1))
    expected = OTHERS_WEIGHT * mask_losses(logits, HALF).mean()
    assert losses.mask.item() == pytest.approx(expected.item(), rel=1e-4)
    assert losses.best_iou.item() == 1


def test_expected_iou_is_taught_by_cross_entropy() -> None:
    answers = Answers(logits_of(HALF[0], torch.ones(4, 4)), torch.zeros(1, 2))
    losses = teach_losses(answers, HALF, torch.zeros(1))
    assert losses.iou.item() == pytest.approx(math.log(2))
    chosen = Answers(answers.mask_logits, torch.tensor([[0.0, 1.0]]))
    assert teach_losses(chosen, HALF, torch.zeros(1)).chosen_iou.item() == 0.5


def test_no_prompts_cost_nothing_but_have_a_gradient() -> None:
    logits = torch.zeros(0, 3, 4, 4, requires_grad=True)
    losses = teach_losses(Answers(logits, torch.zeros(0, 3)), torch.zeros(0, 4, 4), torch.zeros(0))
    losses.total.backward()
    assert losses.total.item() == 0
    assert logits.grad is not None
