"""A sample: one image on its way into a batch, and the view that brought it there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.structures.batch import Bags, Gaps, InstanceTargets


@dataclass(frozen=True)
class View:
    """The way of one image into the network: resized, perhaps mirrored, padded.

    Attributes:
        original_size: (height, width) of the upright file.
        input_size: (height, width) after resizing, without padding.
        padded_size: (height, width) with padding.
        flip: True if it is mirrored left to right.
        color_factors: factors of brightness, contrast and saturation.
    """

    original_size: tuple[int, int]
    input_size: tuple[int, int]
    padded_size: tuple[int, int]
    flip: bool = False
    color_factors: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def scale(self) -> Tensor:
        """(2,) float32 factors of x and y from the original to the input frame."""
        height, width = self.original_size
        return torch.tensor([self.input_size[1] / width, self.input_size[0] / height])

    def grid_size(self, stride: int = MASK_STRIDE) -> tuple[int, int]:
        """Return (h, w) of the grid of this stride on the padded input."""
        return self.padded_size[0] // stride, self.padded_size[1] // stride


@dataclass(frozen=True)
class Sample:
    """One image on its way into a batch.

    Attributes:
        image: (3, *view.input_size) uint8 RGB; the padding comes with the batch.
        view: its view of the file.
        image_id: its id in the data set.
        bags: its objects' proposals, image index 0; None without.
        targets: its objects' masks, image index 0; None without.
        gaps: its categories that are not all clicked, and its ignored regions; None without any.
    """

    image: Tensor
    view: View
    image_id: int
    bags: Bags | None = None
    targets: InstanceTargets | None = None
    gaps: Gaps | None = None
