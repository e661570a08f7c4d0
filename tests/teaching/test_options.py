from __future__ import annotations

from pathlib import Path

import pytest

from sapnet.system.processes.parallel import num_cores
from sapnet.teaching.config import SourceConfig
from sapnet.teaching.options import TUNE_MINUTES, TUNE_STEPS, TrainProposerConfig

SOURCES = (SourceConfig("images", "instances.json"),)


def settings(**more: object) -> TrainProposerConfig:
    return TrainProposerConfig(("photos",), Path("mine.safetensors"), **more)  # type: ignore[arg-type]


def test_a_training_from_imagenet_has_minutes_and_no_limit_of_steps() -> None:
    cfg = settings(seed=3).training(SOURCES)
    assert (cfg.minutes, cfg.steps, cfg.seed) == (60, None, 3)
    assert cfg.sources == SOURCES
    assert cfg.threads == num_cores()
    assert settings(minutes=5.0, threads=1).training(SOURCES).minutes == 5


def test_a_tuning_is_short_and_gentle() -> None:
    cfg = settings(start="embedded").training(SOURCES)
    assert (cfg.minutes, cfg.steps) == (TUNE_MINUTES, TUNE_STEPS)
    longer = settings(start="embedded", minutes=30.0).training(SOURCES)
    assert (longer.minutes, longer.steps) == (30, None)
    assert settings(start="a.safetensors", steps=7).training(SOURCES).steps == 7
    assert cfg.freeze_encoder
    assert cfg.norms_until == 0


def test_the_run_folder_lies_beside_the_weights() -> None:
    assert settings().run_folder == Path("mine-training")
    assert settings(run=Path("run")).run_folder == Path("run")


@pytest.mark.parametrize("name", ["minutes", "steps", "threads"])
def test_lengths_must_be_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a number > 0, found 0"):
        settings(**{name: 0})


def test_something_must_be_learned_from() -> None:
    with pytest.raises(ValueError, match="expected at least one folder or file"):
        TrainProposerConfig((), Path("mine.safetensors"))
