"""The images of a training run, as Lightning asks for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import lightning

from sapnet.batches.dataset import ClickDataset, DatasetConfig, ImageDataset, MaskDataset
from sapnet.batches.loader import build_loader
from sapnet.data.coco import InstanceSet, load_instances
from sapnet.data.corrections import load_corrections
from sapnet.store.reader import ProposalStore
from sapnet.training.progress import place_of

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    from sapnet.batches.config import AugmentConfig
    from sapnet.batches.loader import EpochSampler
    from sapnet.batches.sample import Sample
    from sapnet.structures.batch import Batch
    from sapnet.structures.clicks import Category
    from sapnet.training.config import TrainConfig


@dataclass(frozen=True)
class HeldOut:
    """Held-out images and their true instances."""

    images: Path
    truth: InstanceSet


@dataclass(frozen=True)
class TrainingSet:
    """What is learned from: exactly one of `store` and `masks` is given.

    Attributes:
        images: folder of the training images.
        store: proposals of the clicks.
        masks: instances, ground truth or exported labels.
    """

    images: Path
    store: ProposalStore | None = None
    masks: InstanceSet | None = None

    def __post_init__(self) -> None:
        if (self.store is None) == (self.masks is None):
            raise ValueError(
                "TrainingSet: expected either proposals or masks, found "
                + ("neither" if self.store is None else "both")
            )

    @property
    def source(self) -> ProposalStore | InstanceSet:
        """The one of `store` and `masks` that is given."""
        source = self.masks if self.store is None else self.store
        return cast("ProposalStore | InstanceSet", source)

    @property
    def categories(self) -> tuple[Category, ...]:
        """Categories in the order of the labels: by their id."""
        return tuple(sorted(self.source.categories, key=lambda category: category.category_id))


def open_training_set(
    images: Path,
    proposals: Path | None,
    masks: Path | None,
    cfg: TrainConfig,
    corrections: Path | None = None,
) -> TrainingSet:
    """The training images with the kind of supervision that the settings name.

    Raises:
        ValueError: the file that this kind of supervision needs was not given, or is unfit.
    """
    if cfg.supervision == "masks":
        return TrainingSet(images, masks=None if masks is None else load_instances(masks))
    corrected = None if corrections is None else load_corrections(corrections)
    store = None if proposals is None else ProposalStore(proposals, corrected)
    return TrainingSet(images, store=store)


class TrainingData(lightning.LightningDataModule):
    """Loaders of the training and the held-out images.

    Args:
        training_set: what is learned from.
        cfg: how to train.
        augment: sizes of the input and how they vary.
        held_out: images to score in training; None without.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        cfg: TrainConfig,
        augment: AugmentConfig,
        held_out: HeldOut | None = None,
    ) -> None:
        super().__init__()
        self._training_set = training_set
        self._cfg = cfg
        self._augment = augment
        self._held_out = held_out

    @property
    def has_held_out(self) -> bool:
        """Whether there are held-out images."""
        return self._held_out is not None

    def dataset(self) -> ClickDataset | MaskDataset:
        """The training images."""
        chosen, cfg = self._training_set, self._cfg
        data_cfg = DatasetConfig(
            supervision="top1" if cfg.supervision == "top1" else "clicks",
            seed=cfg.seed,
            keep_empty=cfg.keep_empty,
            max_objects=cfg.max_objects,
            augment=self._augment,
        )
        if isinstance(chosen.source, ProposalStore):
            return ClickDataset(chosen.images, chosen.source, data_cfg, train=True)
        return MaskDataset(chosen.images, chosen.source, data_cfg, train=True)

    def steps_per_epoch(self) -> int:
        """Batches of one pass over the training images, on each rank."""
        ranks = self._cfg.devices * self._cfg.num_nodes
        images_per_rank = math.ceil(len(self.dataset()) / ranks)
        return math.ceil(images_per_rank / (self._cfg.batch_size // ranks))

    def train_dataloader(self) -> DataLoader[Sample]:
        """Batches of training images (`Batch`), shuffled, this rank's share."""
        share = self._share()
        loader = build_loader(
            self.dataset(),
            self._cfg.batch_size // share[1],
            shuffle=True,
            workers=self._cfg.workers,
            seed=self._cfg.seed,
            share=share,
        )
        if self.trainer is not None:
            # Lightning makes the first iterator, and workers begin to load, before it sets the
            # epoch: a resumed run would see the images of epoch 0 again.
            place, sampler = place_of(self.trainer), cast("EpochSampler", loader.sampler)
            sampler.set_epoch(place.epoch)
            done = place.batches_done * (self._cfg.batch_size // share[1])
            sampler.leave_out(place.epoch, done)
        return loader

    def val_dataloader(self) -> DataLoader[Sample] | list[DataLoader[Sample]]:
        """Batches of held-out images (`Batch`); an empty list without them."""
        if self._held_out is None:
            return []
        records = self._held_out.truth.images
        share = self._share()
        return build_loader(
            ImageDataset(
                [self._held_out.images / record.file_name for record in records],
                self._augment,
                [record.image_id for record in records],
            ),
            self._cfg.batch_size // share[1],
            workers=self._cfg.workers,
            share=share,
        )

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """The batch on the device; Lightning does not know our dataclasses."""
        del dataloader_idx
        return batch.to(device, non_blocking=True)

    def _share(self) -> tuple[int, int]:
        """This process's rank and the number of ranks."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size
