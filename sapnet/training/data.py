"""The loaders of a training run, for Lightning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import lightning

from sapnet.batches.dataset import ClickDataset, DatasetConfig, MaskDataset
from sapnet.batches.images import ImageDataset
from sapnet.batches.loader import build_loader
from sapnet.data.image_files.inside import image_path
from sapnet.store.reader import ProposalStore
from sapnet.structures.grids import MASK_STRIDE
from sapnet.training.loop.place import resume_sampler

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

    from sapnet.batches.config import AugmentConfig
    from sapnet.batches.loader import EpochSampler
    from sapnet.batches.sample import Sample
    from sapnet.structures.batch import Batch
    from sapnet.training.config import TrainConfig
    from sapnet.training.training_set import HeldOut, TrainingSet


class TrainingData(lightning.LightningDataModule):
    """Loaders of the training and the held-out images.

    Args:
        training_set: the training images.
        cfg: settings of the training.
        augment: sizes of the input, and their variation in training.
        held_out: images to score during training; None without.
        mask_stride: input pixels per cell of target masks.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        cfg: TrainConfig,
        augment: AugmentConfig,
        held_out: HeldOut | None = None,
        mask_stride: int = MASK_STRIDE,
    ) -> None:
        super().__init__()
        self._training_set = training_set
        self._cfg = cfg
        self._augment = augment
        self._held_out = held_out
        self._mask_stride = mask_stride

    @property
    def has_held_out(self) -> bool:
        """True if there are held-out images."""
        return self._held_out is not None

    def dataset(self) -> ClickDataset | MaskDataset:
        """Return the data set of the training images."""
        chosen, cfg = self._training_set, self._cfg
        data_cfg = DatasetConfig(
            supervision="top1" if cfg.supervision == "top1" else "clicks",
            seed=cfg.seed,
            keep_empty=cfg.keep_empty,
            max_objects=cfg.max_objects,
            mask_stride=self._mask_stride,
            augment=self._augment,
            unmarked=cfg.unmarked or "complete",
        )
        if isinstance(chosen.source, ProposalStore):
            return ClickDataset(chosen.images, chosen.source, data_cfg, train=True)
        return MaskDataset(chosen.images, chosen.source, data_cfg, train=True)

    def steps_per_epoch(self) -> int:
        """Count the batches of one pass over the training images, on each rank."""
        ranks = self._cfg.devices * self._cfg.num_nodes
        images_per_rank = math.ceil(len(self.dataset()) / ranks)
        return math.ceil(images_per_rank / (self._cfg.batch_size // ranks))

    def train_dataloader(self) -> DataLoader[Sample]:
        """Return a loader of `Batch`: this rank's share of the training images, shuffled."""
        share = self._share()
        batch_size = self._cfg.batch_size // share[1]
        loader = build_loader(
            self.dataset(),
            batch_size,
            shuffle=True,
            workers=self._cfg.workers,
            seed=self._cfg.seed,
            share=share,
        )
        if self.trainer is not None:
            resume_sampler(cast("EpochSampler", loader.sampler), self.trainer, batch_size)
        return loader

    def label_dataloader(self) -> DataLoader[Sample]:
        """Return a loader of `Batch`: this rank's share of the training images, as they are.

        Raises:
            ValueError: the training images come with masks, not with proposals.
        """
        chosen, cfg, share = self._training_set, self._cfg, self._share()
        if chosen.store is None:
            raise ValueError("expected a training from proposals, found one from masks")
        data_cfg = DatasetConfig(keep_empty=False, augment=self._augment)
        dataset = ClickDataset(chosen.images, chosen.store, data_cfg, train=False)
        return build_loader(dataset, cfg.batch_size // share[1], workers=cfg.workers, share=share)

    def val_dataloader(self) -> DataLoader[Sample] | list[DataLoader[Sample]]:
        """Return a loader of `Batch` of held-out images; an empty list without them."""
        if self._held_out is None:
            return []
        records = self._held_out.truth.images
        share = self._share()
        return build_loader(
            ImageDataset(
                [image_path(self._held_out.images, record.file_name) for record in records],
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
        """Move the batch to the device; Lightning cannot move our dataclasses itself."""
        del dataloader_idx
        return batch.to(device, non_blocking=True)

    def _share(self) -> tuple[int, int]:
        """Return this process's rank and the number of ranks."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size
