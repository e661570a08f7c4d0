from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sapnet.network.config import ModelConfig
from sapnet.training.config import TrainConfig
from sapnet.training.default_recipe import CPU_RECIPE, default_recipe
from sapnet.training.run_folder import CHECKPOINT, RunFolder


def begin(path: Path, cfg: TrainConfig) -> None:
    """A run with a checkpoint, begun with the defaults of the network."""
    RunFolder(path).begin(json.loads(json.dumps({"train": asdict(cfg), "model": asdict(MODEL)})))
    (path / CHECKPOINT).parent.mkdir()
    (path / CHECKPOINT).write_bytes(b"state")


MODEL = ModelConfig()


def test_a_new_run_on_a_cpu_takes_the_small_recipe(tmp_path: Path) -> None:
    assert default_recipe("cpu", tmp_path) == CPU_RECIPE


def test_an_absent_device_is_left_to_the_training(tmp_path: Path) -> None:
    assert default_recipe("cuda:99", tmp_path) is None


@pytest.mark.parametrize("cfg", [TrainConfig(), replace(TrainConfig(), epochs=6, batch_size=8)])
def test_a_run_begun_with_the_defaults_keeps_them(cfg: TrainConfig, tmp_path: Path) -> None:
    begin(tmp_path, cfg)
    assert default_recipe("cpu", tmp_path) is None
    (tmp_path / CHECKPOINT).unlink()
    assert default_recipe("cpu", tmp_path) == CPU_RECIPE
