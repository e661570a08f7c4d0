"""Images with clicks, one per index or joined to batches: all that the enhancer learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sapnet.batches.augment import evaluation_view, sample_view, view_content, view_points
from sapnet.batches.collate import collate
from sapnet.batches.config import AugmentConfig
from sapnet.batches.dataset import SharedEpoch
from sapnet.batches.loader import EpochSampler
from sapnet.batches.sample import Sample, View
from sapnet.data.coco_json import label_of_category
from sapnet.data.images import load_image
from sapnet.structures.clicks import Click, ClickSet


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
        """The same values on `device`."""
        return type(self)(*(value.to(device) for value in vars(self).values()))


@dataclass(frozen=True)
class ClickSample:
    """One image with its n clicks.

    Attributes:
        sample: the image and its view.
        points: (n, 2) float32 x, y, input frame.
        labels: (n,) int64 class index.
        annotation_ids: (n,) int64.
    """

    sample: Sample
    points: Tensor
    labels: Tensor
    annotation_ids: Tensor


class ClickImages(Dataset[ClickSample]):
    """The clicked images of a click set; images without clicks are left out.

    Args:
        images_dir: the folder that the file names are relative to.
        clicks: of upright images, as `check_images` gives them.
        augment: sizes, flips and colours.
        seed: of the views; None leaves nothing to chance.
    """

    def __init__(
        self, images_dir: Path, clicks: ClickSet, augment: AugmentConfig, seed: int | None
    ) -> None:
        self._dir, self._augment, self._seed = images_dir, augment, seed
        self._epoch = SharedEpoch()
        self._label_of = label_of_category(clicks.categories)
        of_image: dict[int, list[Click]] = {}
        for click in clicks.clicks:
            of_image.setdefault(click.image_id, []).append(click)
        self._entries = [
            (image, of_image[image.image_id])
            for image in clicks.images
            if image.image_id in of_image
        ]

    def __len__(self) -> int:
        return len(self._entries)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the views of this epoch, 0 being the first."""
        self._epoch.set(epoch)

    def __getitem__(self, index: int) -> ClickSample:
        record, clicks = self._entries[index]
        image = load_image(self._dir / record.file_name)
        view = self._view((image.shape[0], image.shape[1]), index)
        points = torch.tensor([click.point for click in clicks])
        return ClickSample(
            sample=Sample(view_content(image, view), view, record.image_id),
            points=view_points(points, view),
            labels=torch.tensor([self._label_of[click.category_id] for click in clicks]),
            annotation_ids=torch.tensor([click.annotation_id for click in clicks]),
        )

    def _view(self, size: tuple[int, int], index: int) -> View:
        if self._seed is None:
            return evaluation_view(size, self._augment)
        rng = np.random.default_rng([self._seed, int(self._epoch), index])
        return sample_view(size, self._augment, rng)


def join_samples(samples: Sequence[ClickSample]) -> ClickBatch:
    """One batch of several clicked images; see `sapnet.batches.collate.collate` for the padding."""
    images = collate([sample.sample for sample in samples])
    counts = torch.tensor([len(sample.labels) for sample in samples])
    return ClickBatch(
        images=images.images,
        image_sizes=images.image_sizes,
        original_sizes=images.original_sizes,
        points=torch.cat([sample.points for sample in samples]),
        labels=torch.cat([sample.labels for sample in samples]),
        image_index=torch.repeat_interleave(counts),
        annotation_ids=torch.cat([sample.annotation_ids for sample in samples]),
    )


def click_loader(
    dataset: ClickImages, batch_size: int, *, workers: int, shuffle: bool, seed: int = 0
) -> DataLoader[ClickSample]:
    """Return a loader of `ClickBatch`.

    Args:
        dataset: the clicked images.
        batch_size: images per batch; the last batch may be smaller.
        workers: processes that load images; 0 loads in this one.
        shuffle: True for a random order, another one in each epoch.
        seed: seed of the order.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=EpochSampler(dataset, shuffle=shuffle, seed=seed),
        num_workers=workers,
        collate_fn=join_samples,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
    )
