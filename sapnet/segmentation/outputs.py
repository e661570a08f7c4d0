"""Raw outputs of the network for a batch, before losses or predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class SOLOv2Outputs:
    """Raw outputs of the network, finest grid first.

    Attributes:
        grid_kernels: L maps (B, E, S, S), each cell's dynamic kernel.
        grid_class_logits: L maps (B, C, S, S).
        mask_features: (B, E, h, w) at stride 4 of the padded input.
    """

    grid_kernels: tuple[Tensor, ...]
    grid_class_logits: tuple[Tensor, ...]
    mask_features: Tensor

    @property
    def num_images(self) -> int:
        """B."""
        return self.mask_features.shape[0]

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the padded input."""
        height, width = self.mask_features.shape[-2:]
        return height * MASK_STRIDE, width * MASK_STRIDE


def flatten_cells(maps: Sequence[Tensor]) -> Tensor:
    """Lay the cells of all levels out in one row.

    Args:
        maps: L maps (B, X, S, S).

    Returns:
        (B, cells, X): level by level, row by row.
    """
    return torch.cat([level.flatten(2) for level in maps], dim=2).transpose(1, 2)
