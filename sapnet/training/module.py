"""The training step as Lightning runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, distributed

from sapnet.prediction.segment import segment_batch
from sapnet.system.ranks import num_ranks
from sapnet.training.progress import place_of
from sapnet.training.schedule import build_optimizer, rate_factor

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRScheduler

    from sapnet.network.model import Network
    from sapnet.structures.batch import Batch
    from sapnet.structures.outputs import Selection
    from sapnet.training.config import TrainConfig
    from sapnet.training.label_quality import LabelQuality
    from sapnet.training.validation import Validation

LABEL_QUALITY_SUMS = "label_quality_sums"
"""Key of a checkpoint: sum and number of the IoUs of the epoch in flight."""


class TrainingModule(lightning.LightningModule):
    """SAPNet with its optimiser, its logs and its validation.

    Args:
        model: the network.
        cfg: how to train.
        steps_per_epoch: optimiser steps of one pass. Lightning could tell, but would start loading
            for it, before a resumed run knows its epoch.
        quality: IoU of the proposals with the truth, where it is known.
        validation: how predictions on held-out images are scored; None without them.
    """

    def __init__(
        self,
        model: Network,
        cfg: TrainConfig,
        steps_per_epoch: int,
        quality: LabelQuality | None = None,
        validation: Validation | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self._cfg = cfg
        self._steps_per_epoch = steps_per_epoch
        self._quality = quality
        self._validation = validation
        self._results: list[dict[str, Any]] = []
        self._iou_sum, self._num_ious = 0.0, 0.0

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Optimiser, with a rate that changes every step."""
        optimizer = build_optimizer(self.model, self._cfg.optimizer, self._cfg.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, rate_factor(self._cfg.optimizer, self._steps_per_epoch, self._cfg.epochs)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Losses of one batch, logged one by one."""
        del batch_idx
        # Whatever else is random in the network, stochastic depth for instance, depends on seed,
        # step and rank alone as well.
        torch.manual_seed(self._step_seed())
        output = self.model(batch, self._generator())
        total: Tensor = output.total
        if not torch.isfinite(total):
            values = ", ".join(f"{name} {loss.item():.4g}" for name, loss in output.losses.items())
            raise FloatingPointError(
                f"the loss is not finite at step {self.global_step} (images "
                f"{batch.image_ids.tolist()}): {values}. Lower --optimizer.lr, or train with "
                "--precision 32 where it was bf16 or fp16"
            )
        size = batch.images.shape[0]
        self.log_dict(output.losses, batch_size=size)
        self.log("loss", total, prog_bar=True, batch_size=size)
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])
        self._note_label_quality(batch, output.selection)
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Predictions of one batch, kept for the epoch's figures."""
        del batch_idx
        if self._validation is None:
            return
        predictions = segment_batch(self.model, batch)
        self._results += self._validation.encode(predictions, batch.image_ids.tolist())

    def on_validation_epoch_end(self) -> None:
        """Average precision over the held-out images of all ranks."""
        if self._validation is None:
            return
        results = _gather(self._results)
        self._results = []
        if not self.trainer.sanity_checking:
            figures = self._validation.score(results)
            named = {f"val_{name}": value for name, value in figures.items()}
            self.log_dict(named, sync_dist=num_ranks() > 1)

    def _generator(self) -> torch.Generator:
        """Random negatives that depend on seed, step and rank alone: resuming repeats them."""
        return torch.Generator(self.device).manual_seed(self._step_seed())

    def _step_seed(self) -> int:
        step = self.global_step * self.trainer.world_size + self.global_rank
        return self._cfg.seed * 1_000_003 + step

    def _note_label_quality(self, batch: Batch, selection: Selection | None) -> None:
        """Add the IoU of this step's choices to the epoch's mean."""
        if self._quality is None or selection is None or batch.bags is None:
            return
        ious = self._quality.ious(batch.bags.annotation_ids, selection.index)
        self._iou_sum += float(ious.sum())
        self._num_ious += len(ious)

    def on_train_epoch_end(self) -> None:
        """Mean IoU of the epoch's choices with the truth, over all ranks."""
        if self._quality is None:
            return
        iou_sum, num_ious = self._label_quality_sums()
        self._iou_sum, self._num_ious = 0.0, 0.0
        if num_ious:
            self.log("label_miou", iou_sum / num_ious, sync_dist=num_ranks() > 1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Inside an epoch, keep what its mean is made of so far; every rank takes part."""
        if place_of(self.trainer).batches_done:
            checkpoint[LABEL_QUALITY_SUMS] = self._label_quality_sums()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the epoch's mean; the first rank keeps the sums of all."""
        if self.global_rank == 0:
            self._iou_sum, self._num_ious = checkpoint.get(LABEL_QUALITY_SUMS, (0.0, 0.0))

    def _label_quality_sums(self) -> tuple[float, float]:
        """Sum and number of the epoch's IoUs so far, over all ranks."""
        counted = torch.tensor(
            [self._iou_sum, self._num_ious], dtype=torch.float32, device=self.device
        )
        if num_ranks() > 1:
            distributed.all_reduce(counted)
        iou_sum, num_ious = counted.tolist()
        return iou_sum, num_ious


def _gather(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of all ranks; images that padding of the sampler repeats are kept once."""
    ranks = num_ranks()
    if ranks == 1:
        return results
    parts: list[list[dict[str, Any]]] = [[] for _ in range(ranks)]
    distributed.all_gather_object(parts, results)
    seen: set[int] = set()
    merged: list[dict[str, Any]] = []
    for part in parts:
        ids = {result["image_id"] for result in part}
        merged += [result for result in part if result["image_id"] not in seen]
        seen |= ids
    return merged
