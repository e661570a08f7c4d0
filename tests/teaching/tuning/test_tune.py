from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sapnet.data.images import load_image
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.teaching.batch import Photographs
from sapnet.teaching.config import SourceConfig, TeachConfig, TuneConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.tuning import tune as tuning
from sapnet.teaching.tuning.judging import Judgement
from sapnet.teaching.tuning.tune import JUDGED, mean_of, tune

CFG = TeachConfig(
    steps=4,
    batch_size=2,
    sides=((0.0, 64),),
    norms_until=0.0,
    average=0.0,
    tune=TuneConfig(judge_at=(0.5,)),
)


def new_network() -> ClickNetwork:
    torch.manual_seed(0)
    return ClickNetwork(build_encoder(), Decoder()).eval()


@pytest.fixture
def photographs(source: SourceConfig, tmp_path: Path) -> Photographs:
    return Photographs(load_pool([source]), tmp_path / "cache", load_image)


def judged_as(monkeypatch: pytest.MonkeyPatch, *figures: tuple[float, float]) -> None:
    """Let the judge say these figures, one after the other."""
    said: Iterator[tuple[float, float]] = iter(figures)
    monkeypatch.setattr(tuning, "judge", lambda *_: Judgement(*next(said), 5))


def test_the_best_moment_is_kept(
    photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_as(monkeypatch, (0.5, 0.7), (0.6, 0.8), (0.55, 0.75), (0.5, 0.7))
    tuned = tune(new_network, photographs, photographs.pool.images, tmp_path, CFG)
    assert tuned.is_better
    assert tuned.before == Judgement(0.5, 0.7, 5)
    assert tuned.after == Judgement(0.6, 0.8, 5)
    assert tuned.steps == 4
    judged = json.loads((tmp_path / JUDGED).read_text())
    assert list(judged) == ["start", "50%", "step 4", "half of step 4"]
    moved = tuned.network.decoder.to_masks.bias - new_network().decoder.to_masks.bias
    assert moved.abs().max() > 0


def test_what_makes_one_figure_worse_is_not_kept(
    photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_as(monkeypatch, (0.5, 0.7), (0.49, 0.9), (0.9, 0.69), (0.1, 0.1))
    tuned = tune(new_network, photographs, photographs.pool.images, tmp_path, CFG)
    assert not tuned.is_better
    assert tuned.after == tuned.before
    for one, other in zip(tuned.network.parameters(), new_network().parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_finished_tuning_is_not_judged_again(
    photographs: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_as(monkeypatch, (0.5, 0.7), (0.6, 0.8), (0.7, 0.9), (0.5, 0.7))
    first = tune(new_network, photographs, photographs.pool.images, tmp_path, CFG)
    again = tune(new_network, photographs, photographs.pool.images, tmp_path, CFG)
    assert again.after == first.after == Judgement(0.7, 0.9, 5)
    for one, other in zip(again.network.parameters(), first.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_mean_of_two_networks_lies_between() -> None:
    first, second = new_network(), new_network()
    with torch.no_grad():
        second.decoder.to_masks.bias += 1
    torch.testing.assert_close(
        mean_of(first, second).decoder.to_masks.bias, first.decoder.to_masks.bias + 0.5
    )
