"""ExportedNetwork: a file of `sapnet export` that predicts in place of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sapnet.network.exporting.sessions import open_session
from sapnet.segmentation.original.resizing import masks_to_original
from sapnet.structures.outputs import Predictions

if TYPE_CHECKING:
    from sapnet.batches.config import AugmentConfig
    from sapnet.structures.clicks import Category


class ExportedNetwork:
    """An exported network; it segments images as the network that it was made from.

    Args:
        path: file written by `sapnet export`.
    """

    def __init__(self, path: Path) -> None:
        self._session = open_session(path)
        self.source = str(path)

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    @property
    def categories(self) -> tuple[Category, ...]:
        """C categories; a label is an index into them."""
        return self._session.facts.categories

    @property
    def augment(self) -> AugmentConfig:
        """Sizes of the input."""
        return self._session.facts.augment

    def check_segments(self) -> None:
        """Do nothing: what is exported has a segmenter."""

    def segment(
        self, images: Tensor, image_sizes: Tensor, original_sizes: Tensor
    ) -> list[Predictions]:
        """Segment images, one after the other; see `Network.segment`."""
        sizes = zip(images, image_sizes.tolist(), original_sizes.tolist(), strict=True)
        return [self._segment(*each) for each in sizes]

    def _segment(
        self, image: Tensor, image_size: tuple[int, int], original_size: tuple[int, int]
    ) -> Predictions:
        content = image[None, :, : image_size[0], : image_size[1]]
        _, scores, labels, masks = map(
            torch.from_numpy, self._session.run(content.contiguous().numpy())
        )
        kept = scores > 0
        return Predictions(
            masks=masks_to_original(
                masks[kept], image_size, original_size, self._session.facts.mask_threshold
            ),
            labels=labels[kept],
            scores=scores[kept],
        )
