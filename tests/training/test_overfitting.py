"""What a network cannot learn by heart it cannot learn at all; the full figures: benchmarks/."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sapnet.batches.config import AugmentConfig
from sapnet.network.config import ModelConfig
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.mark.slow
@pytest.mark.parametrize("supervision", ["masks", "clicks"])
def test_losses_fall_far_on_eight_images(
    tiny_set: TinySet, tiny_model: ModelConfig, tmp_path: Path, supervision: str
) -> None:
    settings = replace(
        tiny_model,
        augment=AugmentConfig(short_sides=(64,), max_long_side=64, flip_probability=0.0),
    )
    cfg = TrainConfig(
        supervision="masks" if supervision == "masks" else "clicks",
        epochs=60,
        batch_size=4,
        workers=0,
        device="cpu",
        log_every=1,
        optimizer=OptimizerConfig(
            name="adamw", lr=3e-3, lr_batch=4, schedule="cosine", warmup_iterations=5
        ),
    )
    inputs = TrainInputs(
        images=tiny_set.images, out=tmp_path, proposals=tiny_set.store, masks=tiny_set.truth
    )
    train(inputs, settings, cfg)
    with (tmp_path / "logs" / "version_0" / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["loss"]]

    def fallen(name: str) -> float:
        """The mean of the last ten steps as a share of that of the first two."""
        values = [float(row[name]) for row in rows]
        return (sum(values[-10:]) / 10) / (sum(values[:2]) / 2)

    assert len(rows) == 120
    assert fallen("loss_mask") < 0.5
    assert fallen("loss_class") < 0.3
    if supervision == "clicks":
        assert fallen("loss_selection") < 0.7
