"""Beginning of a training: the embedded segmenter, ImageNet weights, or neither.

The embedded segmenter is the network of the recipe `small_images_cpu`, trained to find objects of
any kind on photographs. A training that starts from it takes over all of it, the output for
"object" as the output of each class; the selection is new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.backbones.config import AVAILABLE_WEIGHTS, HUB_WEIGHTS, NO_WEIGHTS
from sapnet.backbones.weights import find_imagenet_weights
from sapnet.network.config import EMBEDDED_START
from sapnet.system.tensors import load_safetensors, safetensors_notes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sapnet.network.config import ModelConfig

EMBEDDED = Path(__file__).parent / "embedded.safetensors"
"""File of the embedded segmenter."""

FORMAT = "sapnet-segmenter-1"
"""Kind of the file, kept in its metadata."""

BACKBONE_AND_PYRAMID = ("backbone", "fpn_channels")
"""Settings of the network that must be those of the file."""

SEGMENTER = (
    "stacked_convs",
    "channels",
    "mask_branch_channels",
    "mask_feature_channels",
    "norm_groups",
)
"""Settings of the segmenter that must be those of the file, where there is one."""

CONVOLUTION_AXES = 4
"""Axes of the weights that are kept in half precision; biases and norms are small."""

CLASS_OUTPUTS = "segmentation.head.class_output."
"""Beginning of the names of the class outputs; older files do not hold them."""

NEW_PARTS = ("selection.", "norms.")
"""Beginnings of the names of the parameters that a file of a start does not hold."""


def settle_start(cfg: ModelConfig) -> tuple[ModelConfig, str]:
    """Choose what a network begins with, where that is left open.

    Args:
        cfg: the network.

    Returns:
        The settings, with the choice, and a line about it for the user; the line is empty where the
        settings name random weights or a file.

    Raises:
        FileNotFoundError: the embedded segmenter is asked for and its file is missing.
        ValueError: it is asked for and does not fit the network.
    """
    if not cfg.has_own_backbone:
        return cfg, ""
    if cfg.start == EMBEDDED_START:
        check_fit(cfg)
        return cfg, _embedded_line(cfg)
    is_open = cfg.start is None and cfg.weights in (HUB_WEIGHTS, AVAILABLE_WEIGHTS)
    if is_open and EMBEDDED.is_file() and not misfits(cfg, network_of(EMBEDDED)):
        return replace(cfg, start=EMBEDDED_START), _embedded_line(cfg)
    if cfg.initial_weights not in (HUB_WEIGHTS, AVAILABLE_WEIGHTS):
        return cfg, ""
    found = find_imagenet_weights(cfg.backbone)
    if cfg.initial_weights == AVAILABLE_WEIGHTS:
        cfg = replace(cfg, weights=HUB_WEIGHTS if found.is_at_hand else NO_WEIGHTS)
    name = f"ImageNet weights of {cfg.backbone}"
    if cfg.has_weights:
        return cfg, f"start: {name}, {found.place}"
    return cfg, f"start: random weights, as no {name} are on this machine"


def check_fit(cfg: ModelConfig) -> None:
    """Check that a network can begin with the embedded segmenter.

    Raises:
        FileNotFoundError: its file is missing.
        ValueError: it does not fit; the message says which settings would.
    """
    if not EMBEDDED.is_file():
        raise FileNotFoundError(
            f"{EMBEDDED}: the embedded segmenter is missing from this installation. Install the "
            "package again, or train with --model.start imagenet or none"
        )
    if wrong := misfits(cfg, network_of(EMBEDDED)):
        raise ValueError(
            f"--model.start embedded fits the network of the recipe small_images_cpu: expected "
            f"{'; '.join(wrong)}. Take that network (--config small_images_cpu), or another start: "
            "imagenet or none"
        )


def misfits(cfg: ModelConfig, network: Mapping[str, Any]) -> list[str]:
    """List the settings in which a network differs from that of a file of a start.

    Args:
        cfg: the network. Without SOLOv2, only backbone and pyramid are compared.
        network: settings of the file.

    Returns:
        One text for each, with both values; empty if the file fits.
    """
    wanted = _shape(cfg)
    compared = network if cfg.has_solov2 else {name: network[name] for name in BACKBONE_AND_PYRAMID}
    return [
        f"{_option(name)} {value}, found {wanted[name]}"
        for name, value in compared.items()
        if wanted[name] != value
    ]


def network_of(path: Path) -> dict[str, Any]:
    """Read the settings of the network whose weights a file holds.

    Raises:
        ValueError: it is no file of this kind.
    """
    about = start_metadata(path)
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{path}: expected weights to start from (format {FORMAT}), found "
            f"{json.dumps(about.get('format'))}"
        )
    try:
        network = json.loads(about["network"])
    except (KeyError, ValueError, RecursionError):
        network = None
    if not isinstance(network, dict) or {*network} != {*BACKBONE_AND_PYRAMID, *SEGMENTER}:
        raise ValueError(f"{path}: its notes on the network are damaged. Copy the file again")
    return network


def start_metadata(path: Path) -> dict[str, str]:
    """Read the notes in a file of a start: format, network, command, data, licence."""
    return safetensors_notes(path)


def save_start(
    path: Path, state: Mapping[str, Tensor], cfg: ModelConfig, about: Mapping[str, str]
) -> Path:
    """Write what other trainings can start from, its convolutions in half precision.

    Args:
        path: safetensors file.
        state: of a trained network with a segmenter.
        cfg: its settings.
        about: notes to keep in the file.
    """
    from safetensors.torch import save

    from sapnet.system.files import write_bytes_atomic

    weights = {
        name: value.contiguous() if value.ndim < CONVOLUTION_AXES else value.half().contiguous()
        for name, value in state.items()
        if not name.startswith(NEW_PARTS)
    }
    notes = {**about, "format": FORMAT, "network": json.dumps(_shape(cfg))}
    return write_bytes_atomic(path, save(weights, metadata=notes))


def load_start(network: nn.Module, cfg: ModelConfig, path: Path | None = None) -> None:
    """Load what a file of a start holds into a network; the other parts stay as they are.

    Args:
        network: changed in place.
        cfg: its settings.
        path: file of `save_start`; None is the embedded one.

    Raises:
        ValueError: the file does not fit the network.
    """
    path = EMBEDDED if path is None else path
    if wrong := misfits(cfg, network_of(path)):
        raise ValueError(f"{path}: expected a network with {'; '.join(wrong)}")
    weights = {
        name: value
        for name, value in load_safetensors(path).items()
        if cfg.has_solov2 or not name.startswith("segmentation.")
    }
    weights |= _each_class(weights, network.state_dict(), path)
    missing, unknown = network.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.startswith((*NEW_PARTS, CLASS_OUTPUTS))]
    if missing or unknown:
        raise ValueError(
            f"{path}: expected all weights of the network, found {len(missing)} missing and "
            f"{len(unknown)} unknown, such as {[*missing, *unknown][0]}"
        )


def _each_class(
    weights: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Return the output for "object" as the output of each class of a network.

    An object is as likely of one class as of another, so each gets its share of the score.
    """
    found = {name: value for name, value in weights.items() if name.startswith(CLASS_OUTPUTS)}
    spread = {}
    for name, value in found.items():
        if len(value) != 1:
            raise ValueError(f"{path}: expected {name} of one class, found {len(value)}")
        num_classes = len(state[name])
        each = value.expand(num_classes, *value.shape[1:])
        spread[name] = each - log(num_classes) if name.endswith("bias") else each
    return spread


def _shape(cfg: ModelConfig) -> dict[str, Any]:
    """Return the settings on which the shapes of the weights depend."""
    own, segmentation = asdict(cfg), asdict(cfg.segmentation)
    return {name: own[name] for name in BACKBONE_AND_PYRAMID} | {
        name: segmentation[name] for name in SEGMENTER
    }


def _option(name: str) -> str:
    """Return the option of the command line that sets a setting of `_shape`."""
    return f"--model.{name}" if name in BACKBONE_AND_PYRAMID else f"--model.segmentation.{name}"


def _embedded_line(cfg: ModelConfig) -> str:
    parts = "segmenter" if cfg.has_solov2 else "segmenter's backbone and pyramid"
    return (
        f"start: the embedded {parts}, trained on photographs, as the network fits "
        "(--model.start imagenet or none begin otherwise)"
    )
