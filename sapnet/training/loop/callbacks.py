"""Callbacks: save checkpoints, log progress."""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING, Any, Protocol, cast

import lightning

from sapnet.system.files import FULL, full_disk_error
from sapnet.training.run_folder import CHECKPOINT

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.system.progress import SharedDisplay

logger = logging.getLogger(__name__)


LEAST_FREE = 1 << 20
"""Bytes below which a disk counts as full."""


class SavesNetwork(Protocol):
    """A module that can write its network for use after the training."""

    def save_network(self, folder: Path) -> None:
        """Write the network to a folder, which may not exist yet."""


class SaveRun(lightning.Callback):
    """Writer of the checkpoint and the network after each epoch.

    Files are written under another name and then renamed. In long epochs the checkpoint alone is
    also written at regular times.

    Args:
        run: the run folder.
        minutes: minutes between two checkpoints inside an epoch; 0 writes none there.
    """

    def __init__(self, run: Path, minutes: float = 0.0) -> None:
        self._run = run
        self._seconds = minutes * 60
        self._has_network = False
        self.figures: dict[str, float] = {}
        """Figures of the last epoch that was finished, kept in the checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"figures": self.figures}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what the checkpoint kept."""
        self.figures = dict(state_dict.get("figures", {}))
        self._last_time = time.monotonic()

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Start the clock."""
        del trainer, pl_module
        self._last_time = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,  # noqa: ANN401  # Lightning's signature
        batch: Any,  # noqa: ANN401  # likewise
        batch_idx: int,
    ) -> None:
        """Save the checkpoint if it is due; the end of the epoch saves its own."""
        del pl_module, outputs, batch
        if not self._seconds or batch_idx + 1 >= trainer.num_training_batches:
            return
        is_due = time.monotonic() - self._last_time >= self._seconds
        # Clocks differ, and all ranks must save together: the first rank that is due decides.
        if trainer.strategy.reduce_boolean_decision(is_due, all=False):
            self._save_checkpoint(trainer)

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Save the checkpoint, then the network."""
        self.figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._save_checkpoint(trainer)
        if trainer.is_global_zero:
            self._save_network(cast("SavesNetwork", pl_module))

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save the network if a killed run left no epoch to train, but an older network."""
        if trainer.is_global_zero and not self._has_network:
            self._save_network(cast("SavesNetwork", pl_module))

    def _save_checkpoint(self, trainer: lightning.Trainer) -> None:
        checkpoint = self._run / CHECKPOINT
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        aside = checkpoint.with_suffix(".partial")
        # Every rank takes part; Lightning writes on the first only.
        try:
            trainer.save_checkpoint(aside)
        except (OSError, RuntimeError) as error:
            self._explain_full_disk(checkpoint, aside, error)
            raise
        if trainer.is_global_zero:
            aside.replace(checkpoint)
        self._last_time = time.monotonic()

    @staticmethod
    def _explain_full_disk(checkpoint: Path, aside: Path, error: Exception) -> None:
        """Remove the part of a checkpoint that fits on the disk; raise an error if it is full."""
        written = aside.stat().st_size if aside.exists() else 0
        free = shutil.disk_usage(checkpoint.parent).free
        aside.unlink(missing_ok=True)
        # torch reports a full disk as an error of its own, without a number.
        is_full = isinstance(error, OSError) and error.errno in FULL
        if is_full or (isinstance(error, RuntimeError) and free < max(written, LEAST_FREE)):
            full = error if isinstance(error, OSError) else OSError(FULL[0], str(error))
            raise full_disk_error(checkpoint, written, full) from error

    def _save_network(self, module: SavesNetwork) -> None:
        aside = self._run / "network.partial"
        shutil.rmtree(aside, ignore_errors=True)
        module.save_network(aside)
        for file in sorted(aside.iterdir()):
            file.replace(self._run / file.name)
        aside.rmdir()
        self._has_network = True


class SharedProgress(lightning.Callback):
    """Reporter of the training's steps to a display of several works."""

    def __init__(self, display: SharedDisplay) -> None:
        self._display = display

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,  # noqa: ANN401  # Lightning's signature
        batch: Any,  # noqa: ANN401  # likewise
        batch_idx: int,
    ) -> None:
        """Report the number of steps so far, those before a resume included."""
        del pl_module, outputs, batch, batch_idx
        total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
        self._display.show(trainer.global_step, total)


class ProgressLines(lightning.Callback):
    """Logger of progress lines, for log files and pipes, where a bar would fill pages.

    Args:
        seconds: least time between two lines.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._last_time = time.monotonic()
        self._last_step = 0
        self._is_first = True

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Start the clock."""
        del pl_module
        self._last_time, self._last_step = time.monotonic(), trainer.global_step

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,  # noqa: ANN401  # Lightning's signature
        batch: Any,  # noqa: ANN401  # likewise
        batch_idx: int,
    ) -> None:
        """Log a line if one is due, for the first step, and at the end of each epoch."""
        del pl_module, outputs, batch
        now, count = time.monotonic(), int(trainer.num_training_batches)
        is_due = now - self._last_time >= self._seconds or batch_idx + 1 == count
        is_first, self._is_first = self._is_first, False
        if not ((is_due or is_first) and trainer.is_global_zero):
            return
        elapsed = max(now - self._last_time, 1e-9)
        logger.info(
            "epoch %d/%s, step %d/%d: loss %.3f, %.2f steps/s",
            trainer.current_epoch + 1,
            trainer.max_epochs,
            batch_idx + 1,
            count,
            float(trainer.callback_metrics.get("loss", float("nan"))),
            (trainer.global_step - self._last_step) / elapsed,
        )
        self._last_time, self._last_step = now, trainer.global_step
