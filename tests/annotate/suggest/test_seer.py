"""A real network looks at an image, in this process and in one of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.annotate.suggest.seer import Seer
from sapnet.annotate.suggest.worker import EndableWorker
from sapnet.geometry.rle import decode_masks
from sapnet.labelling.config import MIN_MISSED_SCORE
from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.network.model import Network
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.windows.objects import find_objects
from sapnet.structures.clicks import Category


@pytest.fixture
def run(tmp_path: Path, tiny_model: ModelConfig) -> Path:
    """An untrained network, which sees much everywhere."""
    torch.manual_seed(0)
    predict = replace(tiny_model.segmentation.predict, score_threshold=0.0, filter_threshold=0.0)
    segmentation = replace(tiny_model.segmentation, predict=predict)
    network = Network(replace(tiny_model, segmentation=segmentation), (Category(1, "cup"),))
    with torch.no_grad():
        network.segmenter.head.class_output.bias.fill_(1.0)
    network.save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def picture(path: Path, size: tuple[int, int]) -> Path:
    values = np.random.default_rng(0).integers(0, 255, (size[1] // 8, size[0] // 8, 3))
    Image.fromarray(values.astype(np.uint8)).resize(size).save(path)
    return path


@pytest.fixture(autouse=True)
def same_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "setpriority", raising=False)


def test_instances_are_in_the_frame_of_the_image(run: Path, tmp_path: Path) -> None:
    seen = Seer(str(run), device="cpu")(picture(tmp_path / "a.png", (96, 64)))
    assert seen.instances
    assert np.linalg.norm(seen.vector) == pytest.approx(1, abs=1e-5)
    scores = [entry.score for entry in seen.instances]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] >= 0.1
    for entry in seen.instances:
        mask = decode_masks([entry.mask])[0]
        assert mask.shape == (64, 96)
        x, y = entry.point
        assert mask[int(y), int(x)]
        assert entry.category == "cup"


def test_a_large_image_is_seen_at_the_size_of_the_page(run: Path, tmp_path: Path) -> None:
    seen = Seer(str(run), device="cpu")(picture(tmp_path / "a.png", (2400, 1200)))
    assert {tuple(entry.mask["size"]) for entry in seen.instances} == {(1200, 2400)}


def test_windows_are_those_of_a_prediction(run: Path, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (300, 200))
    cfg = PredictionConfig(tile=128, overlap=32)
    seen = Seer(str(run), cfg, device="cpu")(path)
    least = replace(cfg, score_threshold=MIN_MISSED_SCORE)
    found = next(find_objects(load_model(str(run), "cpu"), [path], least))
    assert len(found.rles) > 1
    assert tuple(entry.mask for entry in seen.instances) == found.rles
    assert tuple(entry.score for entry in seen.instances) == pytest.approx(found.scores)
    whole = Seer(str(run), PredictionConfig(tile=0), device="cpu")(path)
    assert {entry.mask["counts"] for entry in whole.instances} != {
        rle["counts"] for rle in found.rles
    }
    np.testing.assert_allclose(whole.vector, seen.vector, atol=1e-5)  # images stay comparable


def test_a_process_of_its_own_sees_the_same_and_can_be_ended(run: Path, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (96, 64))
    worker = EndableWorker(Seer(str(run), device="cpu"))
    try:
        here, there = Seer(str(run), device="cpu")(path), worker(path)
        assert there.instances == here.instances
        with pytest.raises(ValueError, match=r"gone\.png"):
            worker(tmp_path / "gone.png")
        worker._process.kill()
        with pytest.raises(ConnectionError, match="died"):
            worker(path)
    finally:
        worker.close()
    with pytest.raises(ConnectionError, match="ended"):
        worker(path)
