"""Weights of the click segmenter: the embedded ones, saved in half precision, and loaded."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.system.files import write_bytes_atomic

if TYPE_CHECKING:
    from sapnet.proposals.click.network import ClickNetwork

FORMAT = "sapnet-click-1"
"""Kind of the file, kept in its metadata; changes with the network's layers."""

EMBEDDED = "embedded.safetensors"
"""Name of the weights that ship with the package, beside this module."""

_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its json header, little-endian."""


def embedded_weights() -> Path:
    """Return the file of the weights that ship with the package.

    Raises:
        FileNotFoundError: this installation does not have it.
    """
    path = Path(__file__).with_name(EMBEDDED)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected the embedded weights of the proposer click, found no file. Install "
            "sapnet again, name other weights with --checkpoint, or use --proposer regions."
        )
    return path


def save_weights(path: Path, network: ClickNetwork, about: Mapping[str, str]) -> Path:
    """Write a network's weights in half precision; the file is complete or not there.

    Args:
        path: the safetensors file.
        network: any.
        about: where the weights come from: data, licence, command.

    Returns:
        `path`.
    """
    import torch
    from safetensors.torch import save

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
    return parse_weights(read_weights(path), path)


def read_weights(path: Path) -> bytes:
    """Read a file of weights, and check that its header says so.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a file of weights of this network.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of weights of the click segmenter")
    content = path.read_bytes()
    found = _metadata(content, path).get("format")
    if found != FORMAT:
        raise ValueError(
            f"{path}: expected weights of the click segmenter (format {FORMAT}), found "
            f"{json.dumps(found)}"
        )
    return content


def parse_weights(content: bytes, path: Path) -> ClickNetwork:
    """Make the network of the content of a file of weights; see `load_weights`.

    Args:
        content: of the file.
        path: named in messages.

    Raises:
        ValueError: if it does not hold the weights of this network.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from sapnet.proposals.click.decoder import Decoder
    from sapnet.proposals.click.encoder import build_encoder
    from sapnet.proposals.click.network import ClickNetwork

    try:
        weights = {name: value.float() for name, value in load(content).items()}
    except SafetensorError as error:
        raise ValueError(f"{path}: damaged, copy the file again ({error})") from error
    network = ClickNetwork(build_encoder(), Decoder())
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # weights of another shape
        raise ValueError(
            f"{path}: expected the weights of the click segmenter, found others: "
            f"{' '.join(str(error).split())}"
        ) from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(
            f"{path}: expected the weights of the click segmenter, found {len(missing)} missing "
            f"and {len(unexpected)} unknown, such as {[*missing, *unexpected][0]}"
        )
    return network.eval().to(memory_format=torch.channels_last)


def weights_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of a file of weights.

    Raises:
        ValueError: if it is no safetensors file.
    """
    return _metadata(path.read_bytes(), path)


def weights_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the file's SHA-256, which names the weights in a store."""
    return content_hash(path.read_bytes())


def content_hash(content: bytes) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]


def _metadata(content: bytes, path: Path) -> dict[str, str]:
    """Read the metadata in the header of a safetensors file."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
        metadata = header.get("__metadata__", {})
        return {str(key): str(value) for key, value in metadata.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected a safetensors file of weights, found another kind of file"
        ) from error
