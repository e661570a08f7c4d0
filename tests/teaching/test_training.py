from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sapnet.data.images import load_image
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.teaching.batch import Photographs, draw_batch
from sapnet.teaching.config import SourceConfig, TeachConfig
from sapnet.teaching.objects import load_pool
from sapnet.teaching.state import start_state
from sapnet.teaching.training import (
    BEFORE_DECAY,
    CHECKPOINT,
    LOG,
    batch_losses,
    teach,
    teach_step,
    time_left,
)

CFG = TeachConfig(batch_size=2, sides=((0.0, 64),), warmup_steps=1, rate=2e-3)


def new_network() -> ClickNetwork:
    torch.manual_seed(0)
    return ClickNetwork(build_encoder(), Decoder())


@pytest.fixture
def photographs(source: SourceConfig, tmp_path: Path) -> Photographs:
    return Photographs(load_pool([source]), tmp_path / "cache", load_image)


def test_steps_make_the_loss_smaller(photographs: Photographs) -> None:
    state = start_state(new_network(), CFG)
    losses = [teach_step(state, photographs, CFG, 0.1).loss for _ in range(16)]
    assert state.step == 16
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_a_saved_state_goes_on_exactly(photographs: Photographs, tmp_path: Path) -> None:
    straight = start_state(new_network(), CFG)
    teach_step(straight, photographs, CFG, 0.5)
    straight.save(tmp_path / "state.pt")
    resumed = start_state(new_network(), CFG)
    resumed.load(tmp_path / "state.pt")
    figures = [teach_step(state, photographs, CFG, 0.5) for state in (straight, resumed)]
    assert figures[0] == figures[1]
    for one, other in zip(straight.average.parameters(), resumed.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_average_follows_slowly() -> None:
    state = start_state(new_network(), CFG)
    before = state.average.decoder.to_masks.bias.clone()
    with torch.no_grad():
        state.network.decoder.to_masks.bias += 1
    state.step = 10**6
    state.update_average(0.9)
    torch.testing.assert_close(state.average.decoder.to_masks.bias, before + 0.1)


def test_a_run_leaves_its_files_and_ends(photographs: Photographs, tmp_path: Path) -> None:
    cfg = replace(CFG, minutes=1 / 60, checkpoint_minutes=0.001, log_steps=1)
    run = tmp_path / "run"
    run.mkdir()
    state = teach(new_network, photographs, run, cfg)
    assert state.seconds >= 1
    lines = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, state.step + 1))
    assert (run / CHECKPOINT).is_file()
    assert (run / BEFORE_DECAY).is_file()
    again = teach(new_network, photographs, run, cfg)
    assert again.step == state.step


def test_both_passes_teach(photographs: Photographs) -> None:
    batch = draw_batch(photographs, (2, 64), CFG.view, np.random.default_rng(0))
    first, further = batch_losses(new_network(), batch, CFG, np.random.default_rng(0))
    for losses in (first, further):
        assert torch.isfinite(losses.total)
        assert losses.total > 0
        assert losses.best_iou >= losses.chosen_iou


def test_a_loss_that_is_not_finite_stops(photographs: Photographs) -> None:
    state = start_state(new_network(), CFG)
    with torch.no_grad():
        state.network.decoder.to_masks.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 0"):
        teach_step(state, photographs, CFG, 0.1)


def test_a_training_ends_after_its_steps_and_is_watched(
    photographs: Photographs, tmp_path: Path
) -> None:
    seen: list[tuple[int, float]] = []
    cfg = replace(CFG, steps=4)
    state = teach(
        new_network, photographs, tmp_path, cfg, lambda state, at: seen.append((state.step, at))
    )
    assert state.step == 4
    assert seen == [(0, 0), (1, 0.25), (2, 0.5), (3, 0.75)]


def test_a_frozen_encoder_stays_and_the_decoder_learns(photographs: Photographs) -> None:
    cfg = replace(CFG, freeze_encoder=True)
    state = start_state(new_network(), cfg)
    before = new_network().state_dict()
    teach_step(state, photographs, cfg, 0.5)
    for name, value in state.network.state_dict().items():
        if name.startswith("encoder."):
            assert torch.equal(value, before[name]), name
    assert not torch.equal(
        state.network.state_dict()["decoder.to_masks.bias"], before["decoder.to_masks.bias"]
    )


def test_the_time_left_follows_the_speed_so_far() -> None:
    assert time_left(0.25, 60) == "3 min"
    assert time_left(0.75, 60) == "20 s"
