"""The training data of the enhancer: images with clicks, and their loader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from sapnet.batches.augment import evaluation_view, sample_view, view_content, view_points
from sapnet.batches.collate import collate
from sapnet.batches.config import AugmentConfig
from sapnet.batches.epoch import SharedEpoch
from sapnet.batches.loader import EpochSampler, ImageLoader
from sapnet.batches.sample import Sample, View
from sapnet.data.coco_json import label_of_category
from sapnet.data.image_files.inside import image_path
from sapnet.data.images import load_image
from sapnet.enhancement.click_batch import ClickBatch
from sapnet.structures.clicks import Click, ClickSet
from sapnet.training.loop.place import resume_sampler

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from sapnet.enhancement.config import EnhanceConfig


@dataclass(frozen=True)
class ClickSample:
    """One image with its n clicks.

    Attributes:
        sample: the image and its view, without objects.
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
        clicks: clicks on upright images, as `check_images` returns them.
        augment: sizes of the input, flips and colors.
        seed: seed of the random views; None for views without variation.
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
        """Set the epoch that the views depend on; 0 is the first."""
        self._epoch.set(epoch)

    def __getitem__(self, index: int) -> ClickSample:
        record, clicks = self._entries[index]
        image = load_image(image_path(self._dir, record.file_name), self._augment.bits)
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
    """Join clicked images to a batch, padded as `sapnet.batches.collate.collate` does it."""
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
    sampler = EpochSampler(dataset, shuffle=shuffle, seed=seed)
    return ImageLoader(dataset, join_samples, sampler, batch_size, workers=workers)


class EnhancerData(lightning.LightningDataModule):
    """The loader of the clicked images.

    Args:
        dataset: the clicked images.
        cfg: settings of the training.
    """

    def __init__(self, dataset: ClickImages, cfg: EnhanceConfig) -> None:
        super().__init__()
        self.dataset = dataset
        self._cfg = cfg

    def steps_per_epoch(self) -> int:
        """Count the batches of one pass over the images."""
        return math.ceil(len(self.dataset) / self._cfg.batch_size)

    def train_dataloader(self) -> DataLoader[ClickSample]:
        """Return a loader of `ClickBatch`, shuffled."""
        cfg = self._cfg
        loader = click_loader(
            self.dataset, cfg.batch_size, workers=cfg.workers, shuffle=True, seed=cfg.seed
        )
        if self.trainer is not None:
            sampler = cast("EpochSampler", loader.sampler)
            resume_sampler(sampler, self.trainer, cfg.batch_size)
        return loader

    def transfer_batch_to_device(
        self, batch: ClickBatch, device: torch.device, dataloader_idx: int
    ) -> ClickBatch:
        """Move the batch to the device; Lightning cannot move our dataclasses itself."""
        del dataloader_idx
        return batch.to(device)
