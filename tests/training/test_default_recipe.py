from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sapnet.network.config import ModelConfig
from sapnet.recipes.load import load_recipe
from sapnet.system.from_json import dataclass_from_json
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.default_recipe import CPU_RECIPE, EARLIER_CPU_RECIPE, default_recipe
from sapnet.training.run_folder import CHECKPOINT, RunFolder

MODEL = ModelConfig()


def begin(path: Path, cfg: TrainConfig, model: ModelConfig = MODEL) -> None:
    """A run with a checkpoint, begun with the defaults of the network if not with others."""
    RunFolder(path).begin(json.loads(json.dumps({"train": asdict(cfg), "model": asdict(model)})))
    (path / CHECKPOINT).parent.mkdir()
    (path / CHECKPOINT).write_bytes(b"state")


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


@pytest.mark.parametrize("recipe", [CPU_RECIPE, EARLIER_CPU_RECIPE])
def test_a_run_begun_with_a_small_recipe_keeps_it(recipe: str, tmp_path: Path) -> None:
    settings = load_recipe(recipe)
    model = dataclass_from_json(settings["model"], ModelConfig)
    if recipe == CPU_RECIPE:
        model = replace(model, start="embedded")
    cfg = replace(
        TrainConfig(),
        epochs=settings["epochs"],
        optimizer=dataclass_from_json(settings["optimizer"], OptimizerConfig),
    )
    begin(tmp_path, cfg, model)
    assert default_recipe("cpu", tmp_path) == recipe


def test_another_backbone_does_not_make_a_run_an_earlier_one(tmp_path: Path) -> None:
    model = dataclass_from_json(load_recipe(CPU_RECIPE)["model"], ModelConfig)
    begin(tmp_path, TrainConfig(), replace(model, backbone="resnet18", weights="imagenet"))
    assert default_recipe("cpu", tmp_path) == CPU_RECIPE
