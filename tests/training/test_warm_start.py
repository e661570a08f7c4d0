"""`sapnet train --from`: a run begins where an older one ended, and resumes as any other."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

if TYPE_CHECKING:
    from tests.conftest import TinySet


def test_a_run_begins_with_an_older_one(
    tmp_path: Path,
    tiny_set: TinySet,
    tiny_model: ModelConfig,
    tiny_training: TrainConfig,
    caplog: pytest.LogCaptureFixture,
) -> None:
    inputs = TrainInputs(tiny_set.images, tmp_path / "old", proposals=tiny_set.store)
    train(inputs, tiny_model, replace(tiny_training, epochs=1))
    still = replace(tiny_training, epochs=1, optimizer=OptimizerConfig(lr=1e-12))
    warm = replace(inputs, out=tmp_path / "new", start_run=tmp_path / "old")
    with caplog.at_level(logging.INFO):
        train(warm, tiny_model, still)
    assert f"start: the weights of {tmp_path / 'old'} with" in caplog.text
    assert caplog.text.count("start:") == 1
    older, newer = (load_model(tmp_path / name, "cpu") for name in ("old", "new"))
    theirs = dict(older.named_parameters())
    for name, value in newer.named_parameters():  # nearly nothing was learned
        torch.testing.assert_close(value, theirs[name], rtol=1e-3, atol=1e-6)
    settings = json.loads((tmp_path / "new" / "settings.json").read_text())
    assert settings["files"]["from"] == str((tmp_path / "old").resolve())
    assert train(warm, tiny_model, still).was_finished
    with pytest.raises(ValueError, match=r"files\.from"):
        train(replace(warm, start_run=None), tiny_model, still)


def test_a_missing_run_is_named(
    tmp_path: Path, tiny_set: TinySet, tiny_model: ModelConfig, tiny_training: TrainConfig
) -> None:
    inputs = TrainInputs(
        tiny_set.images,
        tmp_path / "new",
        proposals=tiny_set.store,
        start_run=tmp_path / "absent",
    )
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        train(inputs, tiny_model, tiny_training)
