from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from sapnet.batches.config import AugmentConfig
from sapnet.network.config import ModelConfig
from sapnet.training.config import OptimizerConfig, TrainConfig


@pytest.mark.parametrize(
    ("weights", "stages", "norms"), [("imagenet", 1, True), ("none", 0, False), ("a.pth", 1, True)]
)
def test_what_is_frozen_follows_the_weights(weights: str, stages: int, norms: bool) -> None:
    cfg = ModelConfig(weights=weights)
    assert (cfg.num_frozen_stages, cfg.keeps_norms) == (stages, norms)


def test_what_is_frozen_can_be_said() -> None:
    cfg = ModelConfig(weights="none", frozen_stages=2, frozen_norms=True)
    assert (cfg.num_frozen_stages, cfg.keeps_norms) == (2, True)
    cfg = ModelConfig(weights="imagenet", frozen_stages=0, frozen_norms=False)
    assert (cfg.num_frozen_stages, cfg.keeps_norms) == (0, False)


def test_configs_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        TrainConfig().epochs = 3  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ModelConfig, {"fpn_channels": 0}, "model.fpn_channels: expected at least 1, found 0"),
        (ModelConfig, {"frozen_stages": 5}, "model.frozen_stages: expected 0 to 4, found 5"),
        (
            ModelConfig,
            {"augment": AugmentConfig(pad_divisor=16)},
            "model.augment.pad_divisor: expected a multiple of 32, .* found 16",
        ),
        (OptimizerConfig, {"lr": 0.0}, "optimizer.lr: expected a positive number, found 0.0"),
        (OptimizerConfig, {"lr_batch": 0}, "optimizer.lr_batch: expected at least 1, found 0"),
        (OptimizerConfig, {"clip_norm": -1.0}, "optimizer.clip_norm: expected 0 or more"),
        (OptimizerConfig, {"weight_decay": -0.1}, "optimizer.weight_decay: expected 0 or more"),
        (TrainConfig, {"epochs": 0}, "train.epochs: expected at least 1, found 0"),
        (TrainConfig, {"workers": -1}, "train.workers: expected 0 or more, found -1"),
        (TrainConfig, {"max_objects": 0}, "train.max_objects: expected at least 1, found 0"),
        (
            TrainConfig,
            {"batch_size": 6, "devices": 2, "num_nodes": 2},
            "train.batch_size: expected a multiple of the 4 devices, found 6",
        ),
    ],
)
def test_senseless_values_are_named(
    kind: type[Any], values: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**values)


@pytest.mark.parametrize(
    ("epochs", "falls"), [(12, (8, 10)), (36, (24, 30)), (3, (2,)), (2, (1,)), (1, ())]
)
def test_the_rate_falls_at_two_thirds_and_five_sixths(epochs: int, falls: tuple[int, ...]) -> None:
    assert OptimizerConfig().falls(epochs) == falls
    assert OptimizerConfig(steps=(1, 99)).falls(epochs) == (1, 99)


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        ({}, (0.015 / 8, 4)),
        ({"name": "adamw"}, (1e-4 / 4, 4)),
        ({"lr": 0.2}, (0.2, None)),
        ({"lr_batch": 16}, (None, 16)),
    ],
)
def test_settled_rates_name_the_batch_unless_one_was_given(
    given: dict[str, Any], rate: tuple[float | None, int | None]
) -> None:
    optimizer = OptimizerConfig(**given)
    settled = optimizer.settled(batch_size=4, epochs=6)
    assert (settled.lr, settled.lr_batch) == rate
    assert settled.steps == (4, 5)
    assert settled.rate(4) == optimizer.rate(4)
    assert settled.settled(batch_size=4, epochs=6) == settled
