"""What happens between epochs: the run folder is brought up to date."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import lightning

if TYPE_CHECKING:
    from sapnet.training.module import TrainingModule

CHECKPOINT = Path("checkpoints") / "last.ckpt"
"""The state a run is resumed from, inside the run folder."""


class SaveRun(lightning.Callback):
    """Writes the checkpoint and the network after each epoch, aside and then renamed.

    Args:
        run: the run folder.
    """

    def __init__(self, run: Path) -> None:
        self._run = run

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Save the state to resume from, then the network to predict with."""
        checkpoint = self._run / CHECKPOINT
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        aside = checkpoint.with_suffix(".partial")
        # Every rank takes part; Lightning writes on the first alone.
        trainer.save_checkpoint(aside)
        if trainer.is_global_zero:
            aside.replace(checkpoint)
            module: TrainingModule = pl_module  # type: ignore[assignment]  # the only one we run
            self._save_network(module)

    def _save_network(self, module: TrainingModule) -> None:
        aside = self._run / "network.partial"
        shutil.rmtree(aside, ignore_errors=True)
        module.model.save_pretrained(aside)
        for file in sorted(aside.iterdir()):
            file.replace(self._run / file.name)
        aside.rmdir()
