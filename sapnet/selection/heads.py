"""The parameters of selection: two shared layers, then two linear layers per stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from sapnet.selection.config import ROI_SIZE
from sapnet.selection.features import pool_boxes, with_mask_crops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sapnet.selection.config import SelectionConfig


class MilLogits(NamedTuple):
    """Logits of one MIL stage, (..., C) each: of the class, and of the proposal in its bag."""

    class_logits: Tensor
    instance_logits: Tensor


class BoxEncoder(nn.Module):
    """Encoder of boxes: pooled features (and mask crops) through two layers that stages share.

    Pooled features are the largest tensor of selection. Boxes are therefore encoded in chunks, and
    where there are several, training computes them again in the backward pass.

    Args:
        in_channels: D of the pyramid levels.
        cfg: `hidden_channels`, `mask_crops`, `sampling_ratio` and `boxes_per_chunk`.
    """

    def __init__(self, in_channels: int, cfg: SelectionConfig) -> None:
        super().__init__()
        self.cfg = cfg
        hidden_channels = cfg.hidden_channels
        channels = 2 * in_channels + 1 if cfg.mask_crops else in_channels
        self.layers = nn.Sequential(
            nn.Linear(channels * ROI_SIZE**2, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, hidden_channels),
            nn.ReLU(inplace=True),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self, features: Sequence[Tensor], boxes: Tensor, image_index: Tensor, crops: Tensor
    ) -> Tensor:
        """Encode boxes.

        Args:
            features: L levels of (B, D, h, w) float32, P2 first.
            boxes: (M, 4) xyxy, input frame.
            image_index: (M,) the box's image.
            crops: (M, 7, 7) mask crops; unused without `mask_crops`.

        Returns:
            (M, hidden_channels).
        """
        size = self.cfg.boxes_per_chunk
        inputs = (torch.split(values, size) for values in (boxes, image_index, crops))
        chunks = zip(*inputs, strict=True)
        if len(boxes) <= size or not torch.is_grad_enabled():
            hidden = [self._encode(features, *chunk) for chunk in chunks]
        else:
            hidden = [
                checkpoint(
                    self._encode, features, *chunk, use_reentrant=False, preserve_rng_state=False
                )
                for chunk in chunks
            ]
        return torch.cat(hidden)

    def _encode(
        self, features: Sequence[Tensor], boxes: Tensor, image_index: Tensor, crops: Tensor
    ) -> Tensor:
        pooled = pool_boxes(features, boxes, image_index, sampling_ratio=self.cfg.sampling_ratio)
        if self.cfg.mask_crops:
            pooled = with_mask_crops(pooled, crops)
        hidden: Tensor = self.layers(pooled.flatten(1))
        return hidden


class MilHead(nn.Module):
    """One MIL stage: a linear layer for the class and one for the proposal, C columns each.

    Args:
        hidden_channels: length of an encoded box.
        num_classes: C, without background.
    """

    def __init__(self, hidden_channels: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Linear(hidden_channels, num_classes)
        self.instances = nn.Linear(hidden_channels, num_classes)
        for layer in (self.classes, self.instances):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden: Tensor) -> MilLogits:
        """Score encoded boxes.

        Args:
            hidden: (..., hidden_channels).

        Returns:
            Class and instance logits, (..., C) each.
        """
        return MilLogits(self.classes(hidden), self.instances(hidden))
