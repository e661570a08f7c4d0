"""Normalisation of pixels for networks that were trained elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1]: what nearly all published networks are fed with."""


class Normalisation(nn.Module):
    """Pixels as other projects feed them: normalised first, then padded with zeros.

    Args:
        mean: of red, green and blue in [0, 1].
        std: likewise.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1) * 255, persistent=False)

    def forward(self, images: Tensor, image_sizes: Tensor) -> Tensor:
        """Normalise a batch.

        Args:
            images: (B, 3, H, W) RGB, 0..255.
            image_sizes: (B, 2) int64 (height, width) of the content in `images`.

        Returns:
            (B, 3, H, W) float32.
        """
        rows = torch.arange(images.shape[2], device=images.device)
        columns = torch.arange(images.shape[3], device=images.device)
        height, width = image_sizes.to(images.device).T[:, :, None]
        is_content = (rows < height)[:, :, None] & (columns < width)[:, None, :]
        normalised: Tensor = (images - self.mean) / self.std * is_content[:, None]
        return normalised
