from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sapnet.api.network import open_network
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network
from sapnet.structures.clicks import Category


def test_a_run_or_a_loaded_network(tiny_model: ModelConfig, tmp_path: Path) -> None:
    network = Network(tiny_model, (Category(1, "cup"),)).train()
    assert open_network(network, None) is network
    assert open_network(network, "cuda:99") is network, "it stays where it is"
    network.save_pretrained(tmp_path)
    loaded = open_network(tmp_path, "cpu")
    assert not loaded.training
    assert loaded.device == torch.device("cpu")
    assert loaded.categories == network.categories
    with pytest.raises(ValueError, match="'cuda:99' asked for"):
        open_network(tmp_path, "cuda:99")
