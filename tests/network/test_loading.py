from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sapnet.network.config import ModelConfig
from sapnet.network.loading import load_model
from sapnet.network.model import Network
from sapnet.structures.clicks import Category


@pytest.fixture(scope="module")
def model(tiny_model: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(tiny_model, (Category(3, "cup"), Category(7, "cat")))


def test_a_run_is_loaded_for_evaluation(model: Network, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, "cpu")
    assert not loaded.training
    assert loaded.categories == model.categories


def test_a_folder_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no trained network here \(config.json is"):
        load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such run folder"):
        load_model(tmp_path / "nothing")


def test_an_absent_device_is_an_error(model: Network, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'cuda:99' asked for"):
        load_model(tmp_path, "cuda:99")
