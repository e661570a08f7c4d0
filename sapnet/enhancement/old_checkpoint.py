"""Convert checkpoints of enhancers that were trained before Lightning did it.

Such a run folder has one file with network, optimizer, schedule and position, and no summary.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import lightning
import torch

from sapnet.system.tensors import load_pickled

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.training.run_folder import RunFolder


def convert_old_checkpoint(folder: RunFolder, old_file: Path) -> None:
    """Write the checkpoint of a run that an earlier sapnet left, so that it can be resumed.

    Nothing is done if the folder already has a checkpoint, or holds no such run.

    Args:
        folder: the run folder.
        old_file: file of the folder with network, optimizer, schedule and position.
    """
    settings = folder.path / folder.settings_name
    if folder.checkpoint.is_file() or not (old_file.is_file() and settings.is_file()):
        return
    saved = load_pickled(old_file)
    if not isinstance(saved, dict) or "place" not in saved:
        return
    folder.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.checkpoint.with_suffix(".partial")
    torch.save(_lightning_checkpoint(saved), aside)
    aside.replace(folder.checkpoint)
    epochs = json.loads(settings.read_text(encoding="utf-8"))["train"]["epochs"]
    if saved["place"][0] >= epochs:
        folder.finish(epochs, {})


def _lightning_checkpoint(saved: dict[str, Any]) -> dict[str, Any]:
    epoch, batches_done, step = saved["place"]
    return {
        "epoch": max(0, epoch - (batches_done == 0)),
        "global_step": step,
        "pytorch-lightning_version": lightning.__version__,
        "state_dict": {f"model.{name}": value for name, value in saved["model"].items()},
        "loops": {"fit_loop": _fit_loop(epoch, batches_done, step)},
        "callbacks": {},
        "optimizer_states": [saved["optimizer"]],
        "lr_schedulers": [saved["schedule"]],
    }


def _fit_loop(epoch: int, batches_done: int, step: int) -> dict[str, Any]:
    """Return the counters of Lightning's loop, as it saves them at this position.

    Lightning saves after a batch before it counts the batch as completed, and after an epoch
    before it counts the epoch as completed.

    Args:
        epoch: number of finished epochs.
        batches_done: batches of the next epoch that are done.
        step: optimizer steps so far.
    """
    inside = batches_done > 0
    begun, completed = epoch + inside, epoch - (not inside)
    here = batches_done if inside else step // max(1, epoch)
    epochs = {"ready": begun, "started": begun, "processed": epoch, "completed": completed}
    steps = {
        "total": {"ready": step, "completed": step},
        "current": {"ready": here, "completed": here},
    }
    zero_grad = {name: {**counts, "started": counts["ready"]} for name, counts in steps.items()}
    return {
        "state_dict": {},
        "epoch_loop.state_dict": {"_batches_that_stepped": step - inside},
        "epoch_loop.batch_progress": {
            "total": _batches(step, inside),
            "current": _batches(here, inside),
            "is_last_batch": not inside,
        },
        "epoch_loop.scheduler_progress": steps,
        "epoch_loop.automatic_optimization.state_dict": {},
        "epoch_loop.automatic_optimization.optim_progress": {
            "optimizer": {"step": steps, "zero_grad": zero_grad}
        },
        "epoch_progress": {"total": epochs, "current": dict(epochs)},
    }


def _batches(count: int, inside: bool) -> dict[str, int]:
    return {"ready": count, "started": count, "processed": count, "completed": count - inside}
