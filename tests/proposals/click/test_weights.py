from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sapnet.proposals.click import weights
from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.weights import (
    FORMAT,
    embedded_weights,
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


def test_the_embedded_weights_fit_the_network_and_the_wheel() -> None:
    path = embedded_weights()
    assert path.stat().st_size <= 12 * 2**20
    assert not load_weights(path).training


def test_an_installation_without_weights_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "__file__", str(tmp_path / "weights.py"))
    with pytest.raises(FileNotFoundError, match=r"embedded\.safetensors: expected the embedded"):
        embedded_weights()


@pytest.mark.parametrize("content", [b"", b"no weights", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"[]"])
def test_damaged_files_are_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors: expected a safetensors file"):
        load_weights(path)


def test_a_cut_file_is_one_line(tmp_path: Path, click_weights: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(click_weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"a\.safetensors: damaged"):
        load_weights(path)


def test_weights_of_another_shape_are_refused(tmp_path: Path, click_weights: Path) -> None:
    tensors = load_file(click_weights)
    tensors["decoder.to_masks.weight"] = torch.zeros(5, 64, 1, 1)
    save_file(tensors, tmp_path / "a.safetensors", {"format": FORMAT})
    with pytest.raises(ValueError, match=r"a\.safetensors: expected the weights of the click"):
        load_weights(tmp_path / "a.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="expected weights of the click segmenter"):
        load_weights(tmp_path / "other.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "wrong.safetensors", {"format": FORMAT})
    with pytest.raises(ValueError, match="missing"):
        load_weights(tmp_path / "wrong.safetensors")
    with pytest.raises(FileNotFoundError, match="no such file"):
        load_weights(tmp_path / "none.safetensors")
