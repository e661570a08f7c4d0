from __future__ import annotations

import pytest
import torch
from torch import nn

from sapnet.training.config import OptimizerConfig
from sapnet.training.loop.schedule import build_optimizer, rate_factor


def _model() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    model[2].requires_grad_(requires_grad=False)
    return model


def test_paper_rate_is_scaled_with_the_batch() -> None:
    # 0.015 at 32 images per step; 8 images: a quarter.
    (group,) = build_optimizer(_model(), OptimizerConfig(), 8).param_groups
    assert group["lr"] == pytest.approx(0.00375)
    assert group["momentum"] == 0.9
    assert group["weight_decay"] == 1e-4


def test_given_rate_and_batch() -> None:
    assert OptimizerConfig(lr=0.1, lr_batch=4).rate(2) == pytest.approx(0.05)
    assert OptimizerConfig(name="adamw").rate(16) == pytest.approx(1e-4)


def test_frozen_parameters_are_left_out() -> None:
    (group,) = build_optimizer(_model(), OptimizerConfig(), 4).param_groups
    assert len(group["params"]) == 4  # weights and biases of the first two


def test_adamw_spares_biases_and_norms() -> None:
    optimizer = build_optimizer(_model(), OptimizerConfig(name="adamw"), 16)
    assert isinstance(optimizer, torch.optim.AdamW)
    weights, rest = optimizer.param_groups
    assert [p.ndim for p in weights["params"]] == [4]
    assert weights["weight_decay"] == 0.05
    assert [p.ndim for p in rest["params"]] == [1, 1, 1]
    assert rest["weight_decay"] == 0


def test_weight_decay_may_be_zero() -> None:
    (group,) = build_optimizer(_model(), OptimizerConfig(weight_decay=0.0), 4).param_groups
    assert group["weight_decay"] == 0


def test_step_schedule_of_the_paper() -> None:
    factor = rate_factor(OptimizerConfig(warmup_iterations=0), iterations_per_epoch=100, epochs=12)
    assert [factor(i) for i in (0, 799, 800, 999, 1000, 1199)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )


def test_warm_up_rises_from_a_thousandth() -> None:
    factor = rate_factor(OptimizerConfig(), iterations_per_epoch=1000, epochs=12)
    assert factor(0) == pytest.approx(0.001)
    assert factor(250) == pytest.approx((0.001 + 1) / 2)
    assert factor(500) == 1


def test_warm_up_is_at_most_a_tenth_of_the_training() -> None:
    factor = rate_factor(OptimizerConfig(steps=()), iterations_per_epoch=10, epochs=10)
    assert factor(9) < 1
    assert factor(10) == 1


def test_cosine_ends_at_zero() -> None:
    factor = rate_factor(OptimizerConfig(schedule="cosine", warmup_iterations=0), 10, 10)
    assert [factor(i) for i in (0, 50, 100, 200)] == pytest.approx([1, 0.5, 0, 0], abs=1e-9)


def test_training_without_a_step() -> None:
    assert rate_factor(OptimizerConfig(schedule="cosine"), 0, 1)(0) == 1
