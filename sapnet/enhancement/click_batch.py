"""Batch of images with clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class ClickBatch:
    """Images of a batch with their N clicks, input frame.

    Attributes:
        images: (B, 3, H, W) uint8 RGB, padded with zeros on the right and bottom.
        image_sizes: (B, 2) int64 (height, width) of each image's content.
        original_sizes: (B, 2) int64 (height, width) of the upright files.
        points: (N, 2) float32 x, y.
        labels: (N,) int64 class index.
        image_index: (N,) int64 non-decreasing, index of the click's image.
        annotation_ids: (N,) int64, the click's id in the data set.
    """

    images: Tensor
    image_sizes: Tensor
    original_sizes: Tensor
    points: Tensor
    labels: Tensor
    image_index: Tensor
    annotation_ids: Tensor

    def to(self, device: torch.device) -> Self:
        """Return the same values on another device."""
        return type(self)(*(value.to(device) for value in vars(self).values()))
