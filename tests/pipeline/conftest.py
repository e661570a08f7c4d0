from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from sapnet.api.options import plain_values
from sapnet.pipeline.config import PipelineConfig, PipelineInputs

if TYPE_CHECKING:
    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from tests.conftest import TinySet


@pytest.fixture(scope="session")
def tiny_recipe(
    tiny_model: ModelConfig, tiny_training: TrainConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny network and its training as a recipe."""
    settings = {"batch_size": 4, "optimizer": tiny_training.optimizer, "model": tiny_model}
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(plain_values(settings)), encoding="utf-8")
    return path


@pytest.fixture
def tiny_cfg(tiny_set: TinySet, tiny_recipe: Path) -> PipelineConfig:
    return PipelineConfig(
        effort="fast",
        proposer="simulated",
        file=tiny_set.parts,
        recipe=str(tiny_recipe),
        epochs=2,
        device="cpu",
        workers=1,
    )


@pytest.fixture
def tiny_inputs(tiny_set: TinySet, tmp_path: Path) -> PipelineInputs:
    return PipelineInputs(
        tiny_set.images,
        tiny_set.clicks,
        tmp_path / "run",
        val_images=tiny_set.images,
        val_truth=tiny_set.truth,
        truth=tiny_set.truth,
    )
