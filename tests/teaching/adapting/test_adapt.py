from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.proposals.click.weights import load_weights, weights_hash, weights_metadata
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.system.lock import InUseError, locked
from sapnet.teaching.adapting import adapt as adapting
from sapnet.teaching.adapting.adapt import AdaptInputs, adapt
from sapnet.teaching.adapting.config import AdaptConfig
from sapnet.teaching.config import TuneConfig
from sapnet.teaching.pool import MarkedImage
from sapnet.teaching.tuning import tune as tuning
from sapnet.teaching.tuning.judging import Judgement

CFG = AdaptConfig(
    min_clicks=4,
    rounds=1,
    max_clicks=8,
    steps=2,
    tune=TuneConfig(max_judged=4, slack=0.02, min_gain=0.01),
)


@pytest.fixture
def inputs(tmp_path: Path) -> AdaptInputs:
    """Two images with four bright squares each, and a click on each of them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    clicks = []
    for image_id in (1, 2):
        pixels = rng.integers(100, 120, (64, 64, 3), np.uint8)
        for n, (x, y) in enumerate([(12, 12), (44, 12), (12, 44), (44, 44)]):
            pixels[y - 8 : y + 8, x - 8 : x + 8] = 240
            clicks.append(Click(10 * image_id + n, image_id, 1, ((float(x), float(y)),)))
        Image.fromarray(pixels).save(folder / f"{image_id}.png")
    images = tuple(ImageRecord(i, f"{i}.png", 64, 64) for i in (1, 2))
    return AdaptInputs(folder, ClickSet(images, (Category(1, "square"),), tuple(clicks)))


def judged_as(monkeypatch: pytest.MonkeyPatch, *figures: tuple[float, float]) -> None:
    """Let the judge say these figures: of the start, of the end, of the mean of both."""
    said: Iterator[tuple[float, float]] = iter(figures)
    monkeypatch.setattr(tuning, "judge", lambda *_: Judgement(*next(said), 4))


def test_what_is_better_is_kept(
    click_weights: Path,
    inputs: AdaptInputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    judged_as(monkeypatch, (0.6, 0.8), (0.7, 0.79), (0.65, 0.8))
    out, folder = tmp_path / "adapted.safetensors", tmp_path / ".adapting"
    threads = torch.get_num_threads()
    with caplog.at_level(logging.INFO):
        assert adapt(click_weights, inputs, out, folder, CFG)
    assert "click was adapted to these images: on 4 objects kept aside" in caplog.text
    assert "0.70 (IoU), 0.60 before" in caplog.text
    assert weights_metadata(out)["start"] == weights_hash(click_weights)
    old, new = (load_weights(path).state_dict() for path in (click_weights, out))
    moved = {name for name, value in old.items() if not torch.equal(value, new[name])}
    assert moved
    assert not any(name.startswith("encoder") for name in moved)
    assert not folder.exists()
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("after", [(0.55, 0.75), (0.75, 0.77), (0.61, 0.805)])
def test_what_is_not_better_is_not_kept(
    click_weights: Path,
    inputs: AdaptInputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: tuple[float, float],
) -> None:
    judged_as(monkeypatch, (0.6, 0.8), after, after)
    out, folder = tmp_path / "adapted.safetensors", tmp_path / ".adapting"
    assert not adapt(click_weights, inputs, out, folder, CFG)
    assert not out.exists()
    assert not folder.exists()


@pytest.mark.parametrize("second", [(0.9, 0.9), (0.5, 0.5), (0.9, 0.79)])
def test_a_second_round_begins_with_what_the_first_one_learned(
    click_weights: Path,
    inputs: AdaptInputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    second: tuple[float, float],
) -> None:
    first = ((0.6, 0.8), (0.7, 0.8), (0.65, 0.8))
    judged_as(monkeypatch, *first, (0.7, 0.8), second, second)
    asked: list[dict[str, torch.Tensor]] = []
    choose_all = adapting.choose_all

    def watch(start: Path, inputs: AdaptInputs, cfg: AdaptConfig) -> list[MarkedImage]:
        asked.append(load_weights(start).state_dict())
        return choose_all(start, inputs, cfg)

    monkeypatch.setattr(adapting, "choose_all", watch)
    out, folder = tmp_path / "adapted.safetensors", tmp_path / ".adapting"
    with caplog.at_level(logging.INFO):
        assert adapt(click_weights, inputs, out, folder, replace(CFG, rounds=2))
    begun, between, end = *asked, load_weights(out).state_dict()
    better = second == (0.9, 0.9)
    assert not all(torch.equal(value, between[name]) for name, value in begun.items())
    assert all(torch.equal(value, end[name]) for name, value in between.items()) != better
    told = "once more: on 4" if better else "keeps what it has learned so far: nothing better"
    assert told in caplog.text
    assert weights_metadata(out)["training"] == ("4 steps" if better else "2 steps")
    assert weights_metadata(out)["start"] == weights_hash(click_weights)
    assert not folder.exists()


def test_too_few_answers_change_nothing(
    click_weights: Path, inputs: AdaptInputs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in inputs.images.iterdir():
        path.write_bytes(b"damaged")
    with caplog.at_level(logging.INFO):
        out = tmp_path / "adapted.safetensors"
        assert not adapt(click_weights, inputs, out, tmp_path / ".adapting", CFG)
    assert "too few clicks could be answered" in caplog.text
    assert not out.exists()


def test_one_at_a_time(click_weights: Path, inputs: AdaptInputs, tmp_path: Path) -> None:
    from multiprocessing import get_context

    context = get_context("spawn")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / ".adapting", ready, done))
    holder.start()
    try:
        assert ready.wait(60)
        with pytest.raises(InUseError):
            adapt(click_weights, inputs, tmp_path / "w", tmp_path / ".adapting", CFG)
    finally:
        done.set()
        holder.join(60)


def _hold(folder: Path, ready: object, done: object) -> None:
    with locked(folder):
        ready.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]
