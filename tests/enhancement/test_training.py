"""A training that is stopped goes on exactly, and refuses other settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from sapnet.data.clicks import load_clicks
from sapnet.enhancement.config import EnhanceConfig, EnhancerConfig
from sapnet.enhancement.enhancer import Enhancer
from sapnet.enhancement.module import NETWORK, EnhancerModule
from sapnet.enhancement.training import _describe_run, load_enhancer, train_enhancer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from sapnet.enhancement.click_batch import ClickBatch
    from sapnet.selection.scoring import BagScores
    from tests.conftest import TinySet


class StoppedError(Exception):
    """In place of a kill."""


def stop_after(monkeypatch: pytest.MonkeyPatch, num_steps: int) -> None:
    """Stop the training before its step `num_steps`."""
    step = EnhancerModule.training_step

    def stopping(self: EnhancerModule, batch: ClickBatch, index: int) -> Tensor:
        if self.global_step == num_steps:
            raise StoppedError
        return step(self, batch, index)

    monkeypatch.setattr(EnhancerModule, "training_step", stopping)


@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_a_stopped_training_ends_as_one_that_was_not(
    tiny_set: TinySet,
    tiny_enhancer: EnhancerConfig,
    tiny_enhancing: EnhanceConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    num_steps: int,
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    cfg = replace(tiny_enhancing, checkpoint_minutes=1e-9)  # after each step
    arguments = (tiny_enhancer, cfg)
    whole = train_enhancer(tiny_set.images, clicks, tmp_path / "whole", *arguments)
    with monkeypatch.context() as patched:
        stop_after(patched, num_steps)
        with pytest.raises(StoppedError):
            train_enhancer(tiny_set.images, clicks, tmp_path / "run", *arguments)
    done: list[int] = []
    step = EnhancerModule.training_step

    def counting(self: EnhancerModule, batch: ClickBatch, index: int) -> Tensor:
        done.append(self.global_step)
        return step(self, batch, index)

    monkeypatch.setattr(EnhancerModule, "training_step", counting)
    resumed = train_enhancer(tiny_set.images, clicks, tmp_path / "run", *arguments)
    assert done[0] == num_steps
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name


def test_a_finished_training_is_not_repeated_and_can_be_loaded(
    tiny_set: TinySet,
    tiny_enhancer: EnhancerConfig,
    tiny_enhancing: EnhanceConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    first = train_enhancer(tiny_set.images, clicks, tmp_path, tiny_enhancer, tiny_enhancing)
    before = (tmp_path / NETWORK).read_bytes()
    stop_after(monkeypatch, 0)
    again = train_enhancer(tiny_set.images, clicks, tmp_path, tiny_enhancer, tiny_enhancing)
    loaded = load_enhancer(tmp_path, "cpu")
    assert (tmp_path / NETWORK).read_bytes() == before
    assert loaded.categories == clicks.categories
    assert loaded.model.cfg == tiny_enhancer
    assert not loaded.model.training
    for name, value in first.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name
        assert torch.equal(loaded.model.state_dict()[name], value), name


def test_a_run_from_before_a_setting_goes_on(tiny_set: TinySet) -> None:
    """The default of `bags` is not written, so settings files of earlier versions agree."""
    clicks = load_clicks(tiny_set.clicks)
    usual = _describe_run(clicks, EnhancerConfig(), EnhanceConfig())
    assert "bags" not in usual["model"]
    published = _describe_run(clicks, EnhancerConfig(bags="p2bnet"), EnhanceConfig())
    assert published["model"]["bags"] == "p2bnet"


def test_other_settings_or_clicks_are_refused(
    tiny_set: TinySet,
    tiny_enhancer: EnhancerConfig,
    tiny_enhancing: EnhanceConfig,
    tmp_path: Path,
) -> None:
    clicks = load_clicks(tiny_set.clicks)
    cfg = replace(tiny_enhancing, epochs=1)
    train_enhancer(tiny_set.images, clicks, tmp_path, tiny_enhancer, cfg)
    with pytest.raises(ValueError, match=r"model\.top_k is 2 there and 3 now.*another --run"):
        train_enhancer(tiny_set.images, clicks, tmp_path, replace(tiny_enhancer, top_k=3), cfg)
    fewer = replace(clicks, clicks=clicks.clicks[1:])
    with pytest.raises(ValueError, match=r"other settings or clicks: clicks is "):
        train_enhancer(tiny_set.images, fewer, tmp_path, tiny_enhancer, cfg)


def test_no_click_and_no_training_say_so(
    tiny_set: TinySet,
    tiny_enhancer: EnhancerConfig,
    tiny_enhancing: EnhanceConfig,
    tmp_path: Path,
) -> None:
    none = replace(load_clicks(tiny_set.clicks), clicks=())
    with pytest.raises(ValueError, match="expected clicks to learn from"):
        train_enhancer(tiny_set.images, none, tmp_path, tiny_enhancer, tiny_enhancing)
    with pytest.raises(
        FileNotFoundError, match=r"expected a trained enhancer, found no enhancer\."
    ):
        load_enhancer(tmp_path / "nothing", "cpu")


def test_a_loss_that_is_not_finite_stops(
    tiny_set: TinySet,
    tiny_enhancer: EnhancerConfig,
    tiny_enhancing: EnhanceConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def diverged(model: Enhancer, first: BagScores, *_: object) -> dict[str, Tensor]:
        assert model.training
        return {"loss_coarse": first.bags.sum() * torch.nan}

    monkeypatch.setattr(Enhancer, "_bag_losses", diverged)
    clicks = load_clicks(tiny_set.clicks)
    with pytest.raises(FloatingPointError, match=r"not finite at step 0: .*Lower --optimizer\.lr"):
        train_enhancer(tiny_set.images, clicks, tmp_path, tiny_enhancer, tiny_enhancing)
    assert not (tmp_path / NETWORK).exists()
