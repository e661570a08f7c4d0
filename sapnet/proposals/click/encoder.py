"""Image features of the click segmenter: EfficientNet-Lite0 without normalisation layers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LEVELS = (4, 8, 16, 32)
"""Strides of the feature maps, input pixels per cell."""

CHANNELS = (24, 40, 112, 320)

_NUM_FROZEN_STAGES = 1


class Encoder(nn.Module):
    """EfficientNet-Lite0 with its frozen batch norms folded into the convolutions."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        fold_norms(features.eval())
        self.features = features

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps of a batch.

        Args:
            images: (B, 3, S, S) float32 in [-1, 1]; S a multiple of 32.

        Returns:
            Per level of `LEVELS`, (B, its channels, S / stride, S / stride).
        """
        levels: list[Tensor] = self.features(images)
        return levels

    def freeze_first_layers(self) -> None:
        """Hold what works at half resolution: a third of a step's time, and the least to learn."""
        stages: Any = self.features
        frozen = [stages.conv_stem, *stages.blocks[:_NUM_FROZEN_STAGES], stages.blocks[1][0]]
        for module in frozen:
            module.requires_grad_(False)


def build_encoder(weights: dict[str, Tensor] | None = None) -> Encoder:
    """Make the encoder.

    Args:
        weights: state of timm's `tf_efficientnet_lite0`; None leaves random weights.
    """
    import timm

    features = timm.create_model(
        "tf_efficientnet_lite0", features_only=True, out_indices=(1, 2, 3, 4)
    )
    if weights is not None:
        # The classifier's last layers are not part of the features.
        features.load_state_dict({k: v for k, v in weights.items() if k in features.state_dict()})
    return Encoder(features)


def fold_norms(network: nn.Module) -> None:
    """Replace each batch norm that follows a convolution by its activation, in place.

    Args:
        network: in evaluation mode; the norms are timm's, which carry an activation.
    """
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for (_, first), (name, second) in pairwise(children):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                fused: Any = fuse_conv_bn_eval(first, second)
                first.weight = fused.weight
                # A bias that was not there before comes without a gradient.
                first.bias = nn.Parameter(fused.bias.detach())
                setattr(parent, name, getattr(second, "act", nn.Identity()))


def to_input(windows: Tensor) -> Tensor:
    """Network input of RGB windows.

    Args:
        windows: (B, S, S, 3) uint8 RGB.

    Returns:
        (B, 3, S, S) float32 in [-1, 1], channels last in memory.
    """
    images = windows.permute(0, 3, 1, 2).to(torch.float32)
    return (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)
