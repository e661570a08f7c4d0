"""The training step, validation and logs of SAPNet, for Lightning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, distributed

from sapnet.prediction.segment import segment_batch
from sapnet.system.processes.ranks import num_ranks
from sapnet.training.loop.average import RunningAverage
from sapnet.training.loop.place import place_of
from sapnet.training.loop.steps import (
    check_finite,
    keeping_diverged,
    log_losses,
    optimizer_and_schedule,
    seed_step,
)
from sapnet.training.rounds.table import LabelTable, due_round

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lightning.pytorch.utilities.types import OptimizerLRScheduler

    from sapnet.network.model import Network
    from sapnet.structures.batch import Batch
    from sapnet.structures.outputs import Selection
    from sapnet.structures.seen import SeenObjects
    from sapnet.training.config import TrainConfig
    from sapnet.training.label_quality import LabelQuality
    from sapnet.training.validation import Validation

LABEL_QUALITY_SUMS = "label_quality_sums"
"""Key in a checkpoint: sum and number of the IoUs of the current epoch."""

LABELS = "labels"
"""Key in a checkpoint: the labels of the current round."""

AVERAGE = "average"
"""Key in a checkpoint: the running average that looks at partial images."""

ADVICE = "Lower --optimizer.lr, or train with --precision 32 where it was bf16 or fp16"
"""Advice to the user after a loss that is not finite."""


class TrainingModule(lightning.LightningModule):
    """SAPNet with its optimizer, its logs and its validation.

    Args:
        model: the network.
        cfg: settings of the training.
        steps_per_epoch: optimizer steps of one pass. Lightning could count them, but would start
            to load images for it, before a resumed run knows its epoch.
        relabel: labels all training images for the epoch that begins; None without proposals.
        quality: IoU of the proposals with the truth, if it is known.
        validation: scores predictions on held-out images; None without them.
    """

    def __init__(
        self,
        model: Network,
        cfg: TrainConfig,
        steps_per_epoch: int,
        relabel: Callable[[Network, int], LabelTable] | None = None,
        quality: LabelQuality | None = None,
        validation: Validation | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self._cfg = cfg
        self._steps_per_epoch = steps_per_epoch
        self._relabel = relabel
        self._labels: LabelTable | None = None
        self._quality = quality
        self._validation = validation
        self._average: RunningAverage | None = None
        self._results: list[dict[str, Any]] = []
        self._iou_sum, self._num_ious = 0.0, 0.0

    def watch_partial_images(self) -> None:
        """Keep a running average of the network, which looks at images that are not all clicked.

        It is no module: its weights are not trained, and the checkpoint keeps them apart.
        """
        self._average = RunningAverage(self.model)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, with a learning rate that changes every step."""
        cfg = self._cfg
        return optimizer_and_schedule(
            self.model, cfg.optimizer, cfg.batch_size, self._steps_per_epoch, cfg.epochs
        )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Compute the losses of one batch and log each of them."""
        del batch_idx
        ids = batch.image_ids.tolist()
        with keeping_diverged(self, ids, ADVICE):
            kept = self._kept_labels(batch)
            generator = seed_step(self, self._cfg.seed)
            output = self.model(batch, generator, kept, self._seen(batch))
            total: Tensor = output.total
            check_finite(total, output.losses, self.global_step, ids, ADVICE)
        log_losses(self, output.losses, total, batch.images.shape[0])
        self._add_label_quality(batch, output.selection)
        return total

    def _seen(self, batch: Batch) -> SeenObjects | None:
        """Return what the running average sees in the partial images of a batch."""
        if self._average is None:
            return None
        self._average.update(self.model)
        return self._average.look(batch)

    def _kept_labels(self, batch: Batch) -> Tensor | None:
        """Return the labels of the batch's objects that stay; None before the first round.

        The labels of a round are chosen at its first step. A run that resumes at its start, where
        the checkpoint has none yet, chooses the same ones.
        """
        due = due_round(self._cfg.relabel or (), place_of(self.trainer).epoch)
        if due is None or batch.bags is None or self._relabel is None:
            return None
        if self._labels is None or self._labels.epoch != due:
            self._labels = self._relabel(self.model, due)
        return self._labels.look_up(batch.bags.annotation_ids)

    def save_network(self, folder: Path) -> None:
        """Write the network to a folder, for `label` and `predict`."""
        self.model.save_pretrained(folder)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Predict one batch and keep the results for the figures of the epoch."""
        del batch_idx
        if self._validation is None:
            return
        predictions = segment_batch(self.model, batch)
        self._results += self._validation.encode(predictions, batch.image_ids.tolist())

    def on_validation_epoch_end(self) -> None:
        """Log the average precision over the held-out images of all ranks."""
        if self._validation is None:
            return
        results = _gather(self._results)
        self._results = []
        if not self.trainer.sanity_checking:
            figures = self._validation.score(results)
            named = {f"val_{name}": value for name, value in figures.items()}
            self.log_dict(named, sync_dist=num_ranks() > 1)

    def _add_label_quality(self, batch: Batch, selection: Selection | None) -> None:
        """Add the IoU of the masks chosen in this step to the mean of the epoch."""
        if self._quality is None or selection is None or batch.bags is None:
            return
        ious = self._quality.ious(batch.bags.annotation_ids, selection.index)
        self._iou_sum += float(ious.sum())
        self._num_ious += len(ious)

    def on_train_epoch_end(self) -> None:
        """Log the mean IoU of the chosen masks with the truth, over all ranks."""
        if self._quality is None:
            return
        iou_sum, num_ious = self._label_quality_sums()
        self._iou_sum, self._num_ious = 0.0, 0.0
        if num_ious:
            self.log("label_miou", iou_sum / num_ious, sync_dist=num_ranks() > 1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the labels and the sums of the current epoch; every rank takes part."""
        if self._labels is not None:
            checkpoint[LABELS] = self._labels.state()
        if self._average is not None:
            checkpoint[AVERAGE] = self._average.state()
        if place_of(self.trainer).batches_done:
            checkpoint[LABEL_QUALITY_SUMS] = self._label_quality_sums()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the labels and the sums; the first rank keeps those of all ranks."""
        if self._average is not None and AVERAGE in checkpoint:
            self._average.load(checkpoint[AVERAGE])
        if LABELS in checkpoint:
            self._labels = LabelTable(**checkpoint[LABELS])
        if self.global_rank == 0:
            self._iou_sum, self._num_ious = checkpoint.get(LABEL_QUALITY_SUMS, (0.0, 0.0))

    def _label_quality_sums(self) -> tuple[float, float]:
        """Return sum and number of the IoUs of the epoch so far, over all ranks."""
        counted = torch.tensor(
            [self._iou_sum, self._num_ious], dtype=torch.float32, device=self.device
        )
        if num_ranks() > 1:
            distributed.all_reduce(counted)
        iou_sum, num_ious = counted.tolist()
        return iou_sum, num_ious


def _gather(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Collect the results of all ranks; images that the sampler repeats are kept once."""
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
