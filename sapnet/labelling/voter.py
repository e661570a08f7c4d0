"""Voter: another run whose instances vote on the choice of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from sapnet.batches.collate import collate
from sapnet.batches.images import ImageDataset
from sapnet.data.image_files.inside import image_path
from sapnet.prediction.segment import segment_batch
from sapnet.structures.outputs import Predictions

if TYPE_CHECKING:
    from sapnet.prediction.predictor import Predictor
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.batch import Batch
    from sapnet.structures.clicks import Category

UNKNOWN = -1
"""Label of an instance whose category the choosing run does not know."""


class Voter:
    """A trained segmenter that looks at the images that are labelled, at its own input size.

    Args:
        network: the segmenter.
        categories: of the run that chooses, in the order of its labels. They are matched by name.
        images: folder of the images.
        store: lists the images.
        bits: bit depth of images of more than 8 bits; None for that of the segmenter.

    Raises:
        ValueError: the network has no segmenter, or none of the categories.
    """

    def __init__(
        self,
        network: Predictor,
        categories: Sequence[Category],
        images: Path | str,
        store: ProposalStore,
        bits: int | None = None,
    ) -> None:
        network.check_segments()
        names = [category.name for category in categories]
        own = [category.name for category in network.categories]
        if not set(own) & set(names):
            raise ValueError(
                f"--voter: expected a run that segments at least one of {', '.join(names)}, found "
                f"{', '.join(own)}"
            )
        self._network = network
        self._labels = torch.tensor([names.index(n) if n in names else UNKNOWN for n in own])
        self._images, self._store = Path(images), store
        self._augment = replace(network.augment, bits=bits or network.augment.bits)

    def instances(self, batch: Batch) -> list[Predictions]:
        """Segment the images of a batch.

        Args:
            batch: images of the store.

        Returns:
            One `Predictions` an image, original frame, labels as the choosing run counts them.
        """
        names = [
            self._store.images[self._store.position_of(image_id)].file_name
            for image_id in batch.image_ids.tolist()
        ]
        paths = [image_path(self._images, name) for name in names]
        dataset = ImageDataset(paths, self._augment)
        found = []
        for index in range(len(paths)):
            # One by one, as `sapnet predict` does: padding of a batch would change the results.
            (one,) = segment_batch(self._network, collate([dataset[index]]))
            found.append(replace(one, labels=self._labels.to(one.labels.device)[one.labels]))
        return found
