from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import (
    FORMAT,
    load_weights,
    save_weights,
    weights_hash,
    weights_metadata,
)


def test_weights_come_back_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ClickNetwork(build_encoder(), Decoder())
    path = save_weights(tmp_path / "click.safetensors", network, {"licence": "none"})
    loaded = load_weights(path)
    assert weights_metadata(path) == {"format": FORMAT, "licence": "none"}
    assert path.stat().st_size < 12 * 2**20
    assert not loaded.training
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(loaded.state_dict()[name], value.half().float())
    assert len(weights_hash(path)) == 16


def test_other_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="expected weights of the click segmenter"):
        load_weights(tmp_path / "other.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "wrong.safetensors", {"format": FORMAT})
    with pytest.raises(ValueError, match="missing"):
        load_weights(tmp_path / "wrong.safetensors")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_weights(tmp_path / "none.safetensors")
