"""A training that an earlier sapnet left half finished ends as a whole one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from sapnet.data.clicks import load_clicks
from sapnet.enhancement.module import NETWORK, EnhancerModule
from sapnet.enhancement.old_checkpoint import convert_old_checkpoint
from sapnet.enhancement.training import SETTINGS, train_enhancer
from sapnet.training.run_folder import CHECKPOINT, SUMMARY, RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from sapnet.enhancement.batch import ClickBatch
    from sapnet.enhancement.config import EnhanceConfig, EnhancerConfig
    from tests.conftest import TinySet


class StoppedError(Exception):
    """In place of a kill."""


def to_old_form(run: Path, epoch: int, batches_done: int) -> None:
    """Turn a run folder into what an earlier sapnet would have left at this position."""
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    place = [epoch, batches_done, saved["global_step"]]
    state = {k.removeprefix("model."): v for k, v in saved["state_dict"].items()}
    optimizer, schedule = saved["optimizer_states"][0], saved["lr_schedulers"][0]
    old = {"model": state, "optimizer": optimizer, "schedule": schedule, "place": place}
    for name in ("checkpoints", "logs", "tensorboard"):
        shutil.rmtree(run / name)
    (run / SUMMARY).unlink(missing_ok=True)
    torch.save(old, run / NETWORK)


@pytest.mark.parametrize(("num_steps", "position"), [(1, (0, 1)), (3, (1, 0)), (4, (1, 1))])
def test_an_old_half_finished_training_goes_on_exactly(
    tiny_set: TinySet,
    tiny_enhancer: EnhancerConfig,
    tiny_enhancing: EnhanceConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_steps: int,
    position: tuple[int, int],
) -> None:
    clicks, run = load_clicks(tiny_set.clicks), tmp_path / "run"
    arguments = (tiny_enhancer, replace(tiny_enhancing, checkpoint_minutes=1e-9))
    whole = train_enhancer(tiny_set.images, clicks, tmp_path / "whole", *arguments)
    step, seen = EnhancerModule.training_step, []

    def stopping(self: EnhancerModule, batch: ClickBatch, index: int) -> Tensor:
        if self.global_step == num_steps:
            raise StoppedError
        return step(self, batch, index)

    def noting(self: EnhancerModule, batch: ClickBatch, index: int) -> Tensor:
        seen.append(self.global_step)
        return step(self, batch, index)

    with monkeypatch.context() as patched:
        patched.setattr(EnhancerModule, "training_step", stopping)
        with pytest.raises(StoppedError):
            train_enhancer(tiny_set.images, clicks, run, *arguments)
    to_old_form(run, *position)
    monkeypatch.setattr(EnhancerModule, "training_step", noting)
    resumed = train_enhancer(tiny_set.images, clicks, run, *arguments)
    assert seen == list(range(num_steps, 6))
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name


def test_an_old_finished_training_is_not_repeated(
    tiny_set: TinySet, tiny_enhancer: EnhancerConfig, tiny_enhancing: EnhanceConfig, tmp_path: Path
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    cfg = replace(tiny_enhancing, epochs=1)
    first = train_enhancer(tiny_set.images, clicks, tmp_path, tiny_enhancer, cfg)
    to_old_form(tmp_path, 1, 0)
    again = train_enhancer(tiny_set.images, clicks, tmp_path, tiny_enhancer, cfg)
    assert not (tmp_path / "logs").exists()
    for name, value in first.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, settings_name=SETTINGS)
    convert_old_checkpoint(folder, tmp_path / NETWORK)
    (tmp_path / SETTINGS).write_text(json.dumps({"train": {"epochs": 1}}))
    torch.save({"model": {}}, tmp_path / NETWORK)
    convert_old_checkpoint(folder, tmp_path / NETWORK)
    assert sorted(path.name for path in tmp_path.iterdir()) == [SETTINGS, NETWORK]
