"""Compilation of the network by torch: faster steps after a slow first one, same results."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

    from sapnet.network.model import Network

COMPILERS = ("g++", "clang++")
"""C++ compilers that torch looks for, besides the one named by CXX."""


def compile_network(model: Network, device: torch.device, backend: str = "inductor") -> None:
    """Compile the parts that every image passes: backbone, pyramid, head, mask feature branch.

    Selection, losses and post-processing stay as they are: their shapes differ from image to image.
    The first images of each input size take up to minutes.

    Args:
        model: changed in place. Names of parameters stay the same.
        device: device that it will run on.
        backend: backend of `torch.compile`.

    Raises:
        ValueError: the machine has no C++ compiler, or for CUDA no triton.
    """
    _check_compiler(device)
    for part in _parts(model):
        part.compile(backend=backend)


def _parts(model: Network) -> tuple[nn.Module, ...]:
    """Return the parts that every image passes."""
    if model.other is not None:
        return (model.other.encoder,)
    segmentation = model.segmentation
    heads = () if segmentation is None else (segmentation.head, segmentation.mask_branch)
    return model.backbone, model.fpn, *heads


def _check_compiler(device: torch.device) -> None:
    """Raise a short error for what is missing; torch's own comes late and is a hundred lines."""
    if device.type == "cuda" and find_spec("triton") is None:
        raise ValueError(
            "compile: torch compiles for CUDA with triton, which is not installed. Install it, or "
            "leave --compile out"
        )
    names = (os.environ.get("CXX", ""), *COMPILERS)
    if not any(name and shutil.which(name) for name in names):
        raise ValueError(
            f"compile: expected a C++ compiler ({' or '.join(COMPILERS)}, or one named by CXX), "
            "found none. Install one, or leave --compile out"
        )
