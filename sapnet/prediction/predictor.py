"""Predictor: what prediction needs of a network, wherever it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sapnet.batches.config import AugmentConfig
    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import Predictions


class Predictor(Protocol):
    """A trained network, or an exported one."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """C categories; a label is an index into them."""

    @property
    def augment(self) -> AugmentConfig:
        """Sizes of the input."""

    @property
    def device(self) -> torch.device:
        """Device that images are moved to."""

    def check_segments(self) -> None:
        """Raise a ValueError if there is no segmenter."""

    def segment(
        self, images: Tensor, image_sizes: Tensor, original_sizes: Tensor
    ) -> list[Predictions]:
        """Segment images; see `Network.segment`."""
