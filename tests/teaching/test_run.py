from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import load_weights, save_weights, weights_metadata
from sapnet.teaching.config import SourceConfig, TeachConfig
from sapnet.teaching.run import train_click


@pytest.fixture
def start(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = ClickNetwork(build_encoder(), Decoder())
    return save_weights(tmp_path / "start.safetensors", network, {"licence": "of the start"})


def test_weights_are_written_and_a_run_goes_on(
    source: SourceConfig, start: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cfg = TeachConfig(sources=(source,), steps=1, batch_size=2, sides=((0.0, 64),))
    out, run = tmp_path / "out.safetensors", tmp_path / "run"
    first = train_click(out, run, cfg, start, "for tests")
    assert (first.num_images, first.num_objects) == (2, 4)
    assert first.steps == 1
    about = weights_metadata(out)
    assert about["licence"] == "for tests"
    assert about["training"].startswith(f"{first.steps} steps")
    assert load_weights(out).encoder.features.conv_stem.weight.dtype == torch.float32
    with caplog.at_level(logging.INFO):
        longer = train_click(out, run, replace(cfg, steps=3), start)
    assert weights_metadata(out)["licence"] == "of the start"
    assert longer.steps == 3
    assert f"goes on at step {first.steps}" in caplog.text


def test_a_run_of_other_settings_is_refused(
    source: SourceConfig, start: Path, tmp_path: Path
) -> None:
    cfg = TeachConfig(sources=(source,), steps=1, batch_size=2, sides=((0.0, 64),))
    train_click(tmp_path / "out.safetensors", tmp_path / "run", cfg, start)
    with pytest.raises(ValueError, match="seed is 0 there and 1 now"):
        train_click(tmp_path / "out.safetensors", tmp_path / "run", replace(cfg, seed=1), start)


def test_a_run_of_other_masks_is_refused(source: SourceConfig, start: Path, tmp_path: Path) -> None:
    cfg = TeachConfig(sources=(source,), steps=1, batch_size=2, sides=((0.0, 64),))
    train_click(tmp_path / "out.safetensors", tmp_path / "run", cfg, start)
    truth = json.loads(Path(source.truth).read_text())
    truth["annotations"][0]["segmentation"] = [[10, 12, 30, 12, 30, 36, 10, 36]]
    Path(source.truth).write_text(json.dumps(truth))
    with pytest.raises(ValueError, match=r"data is 2 photographs, 4 objects \(\w+\) there and 2"):
        train_click(tmp_path / "out.safetensors", tmp_path / "run", cfg, start)


def test_nothing_to_learn_from_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected at least one folder"):
        train_click(tmp_path / "out.safetensors", tmp_path / "run", TeachConfig())
