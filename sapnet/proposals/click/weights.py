"""Weights of the click segmenter: saved in half precision, and loaded."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save

from sapnet.proposals.click.decoder import Decoder
from sapnet.proposals.click.encoder import build_encoder
from sapnet.proposals.click.network import ClickNetwork
from sapnet.system.files import write_bytes_atomic

FORMAT = "sapnet-click-1"
"""Kind of the file, kept in its metadata; changes with the network's layers."""


def save_weights(path: Path, network: ClickNetwork, about: Mapping[str, str]) -> Path:
    """Write a network's weights in half precision; the file is complete or not there.

    Args:
        path: the safetensors file.
        network: any.
        about: where the weights come from: data, licence, command.

    Returns:
        `path`.
    """
    halves = {
        name: value.to(torch.float16 if value.is_floating_point() else value.dtype).contiguous()
        for name, value in copy.deepcopy(network).to("cpu").state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    return write_bytes_atomic(path, save(halves, {"format": FORMAT, **about}))


def load_weights(path: Path) -> ClickNetwork:
    """Load a network, in evaluation mode and single precision.

    Args:
        path: written by `save_weights`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a file of weights of this network.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of weights of the click segmenter")
    about = weights_metadata(path)
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{path}: expected weights of the click segmenter (format {FORMAT}), found "
            f"{json.dumps(about.get('format'))}"
        )
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name).float() for name in file.keys()}
    network = ClickNetwork(build_encoder(), Decoder())
    missing, unexpected = network.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(
            f"{path}: expected the weights of the click segmenter, found {len(missing)} missing "
            f"and {len(unexpected)} unknown, such as {[*missing, *unexpected][0]}"
        )
    return network.eval().to(memory_format=torch.channels_last)


def weights_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a file of weights."""
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def weights_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the file's SHA-256, which names the weights in a store."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
