"""The network compiled by torch: quicker steps after a slow first one, same answers."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from sapnet.network.model import SAPNet

COMPILERS = ("g++", "clang++")
"""C++ compilers that torch looks for, besides the one that CXX names."""


def compile_network(model: SAPNet, device: torch.device, backend: str = "inductor") -> None:
    """Compile what every image runs through: backbone, pyramid, head and mask feature branch.

    Selection, losses and post-processing stay as they are: their shapes differ from image to image.
    The first images of each input size take up to minutes.

    Args:
        model: changed in place. Names of parameters stay the same.
        device: where it will run.
        backend: of `torch.compile`.

    Raises:
        ValueError: the machine lacks what torch compiles with.
    """
    _check_compiler(device)
    segmentation = model.segmentation
    heads = () if segmentation is None else (segmentation.head, segmentation.mask_branch)
    for part in (model.backbone, model.fpn, *heads):
        part.compile(backend=backend)


def _check_compiler(device: torch.device) -> None:
    """Say what is missing before the first image does so in a hundred lines."""
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
