"""Data set of images alone, for prediction and validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from sapnet.batches.augment import evaluation_view, view_content
from sapnet.batches.sample import Sample
from sapnet.data.images import load_image

if TYPE_CHECKING:
    from sapnet.batches.config import AugmentConfig


class ImageDataset(Dataset[Sample]):
    """Images alone, for prediction.

    Args:
        images: image files, or whatever `load` reads.
        augment: sizes of the input; nothing is varied at random.
        image_ids: one per image; their indices in `images` if not given.
        load: reads one image as (H, W, 3) uint8 RGB, upright; None for `load_image` with the bit
            depth of `augment`.
    """

    def __init__(
        self,
        images: Sequence[Any],
        augment: AugmentConfig,
        image_ids: Sequence[int] | None = None,
        load: Callable[[Any], np.ndarray] | None = None,
    ) -> None:
        if image_ids is not None and len(image_ids) != len(images):
            raise ValueError(
                f"ImageDataset: expected one image id per file, found {len(image_ids)} ids for "
                f"{len(images)} files"
            )
        self.images = tuple(images)
        self.image_ids = tuple(range(len(images)) if image_ids is None else image_ids)
        self.augment = augment
        self._load = load or partial(load_image, bits=augment.bits)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        image = self._load(self.images[index])
        view = evaluation_view((image.shape[0], image.shape[1]), self.augment)
        return Sample(view_content(image, view), view, self.image_ids[index])
