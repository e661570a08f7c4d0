"""The training step and the data of the enhancer, for Lightning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import lightning
import torch
from torch import nn

from sapnet.enhancement.batch import click_loader
from sapnet.training.place import resume_sampler
from sapnet.training.steps import check_finite, log_losses, optimizer_and_schedule, seed_step

if TYPE_CHECKING:
    from pathlib import Path

    from lightning.pytorch.utilities.types import OptimizerLRScheduler
    from torch import Tensor
    from torch.optim import Optimizer
    from torch.utils.data import DataLoader

    from sapnet.batches.loader import EpochSampler
    from sapnet.enhancement.batch import ClickBatch, ClickImages, ClickSample
    from sapnet.enhancement.config import EnhanceConfig
    from sapnet.enhancement.enhancer import Enhancer

NETWORK = "enhancer.pt"
"""File of a run folder with the weights of the network."""


class EnhancerModule(lightning.LightningModule):
    """The enhancer with its optimizer and its logs.

    Args:
        model: the network.
        cfg: settings of the training.
        steps_per_epoch: optimizer steps of one pass.
    """

    def __init__(self, model: Enhancer, cfg: EnhanceConfig, steps_per_epoch: int) -> None:
        super().__init__()
        self.model = model
        self._cfg = cfg
        self._steps_per_epoch = steps_per_epoch

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, with a learning rate that changes every step."""
        cfg = self._cfg
        return optimizer_and_schedule(
            self.model, cfg.optimizer, cfg.batch_size, self._steps_per_epoch, cfg.epochs
        )

    def training_step(self, batch: ClickBatch, batch_idx: int) -> Tensor:
        """Compute the losses of one batch and log each of them."""
        del batch_idx
        losses = self.model(batch, seed_step(self, self._cfg.seed))
        total: Tensor = torch.stack(list(losses.values())).sum()
        check_finite(total, losses, self.global_step)
        log_losses(self, losses, total, len(batch.image_sizes))
        return total

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Stop before a gradient that is not finite spoils the weights."""
        del optimizer
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), math.inf)
        if not torch.isfinite(norm):
            raise FloatingPointError(
                f"the gradient is not finite at step {self.global_step}. Lower --optimizer.lr"
            )

    def save_network(self, folder: Path) -> None:
        """Write the weights of the network to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.save({"model": self.model.state_dict()}, folder / NETWORK)


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
