"""The convolution block and the resizing that the head and the mask feature branch share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional
from torchvision.ops import Conv2dNormActivation

if TYPE_CHECKING:
    from torch import Tensor

WEIGHT_STD = 0.01
"""Standard deviation of initial convolution weights (released SOLOv2)."""


def conv_norm_relu(
    in_channels: int, out_channels: int, norm_groups: int, *, kernel_size: int = 3
) -> nn.Sequential:
    """Build a convolution without bias that keeps the size, then GroupNorm and ReLU."""
    block: nn.Sequential = Conv2dNormActivation(
        in_channels,
        out_channels,
        kernel_size,
        norm_layer=partial(nn.GroupNorm, norm_groups),
    )
    return block


def init_conv_weights(module: nn.Module) -> None:
    """Draw the weights of all convolutions in `module` anew and set their biases to 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=WEIGHT_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def resize_bilinear(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, X, h, w) to (B, X, *size): half-pixel centres, no antialiasing."""
    return functional.interpolate(features, size=size, mode="bilinear", align_corners=False)


def spatial_size(features: Tensor) -> tuple[int, int]:
    """Return the size (h, w) of a (B, X, h, w) map."""
    return features.shape[-2], features.shape[-1]
