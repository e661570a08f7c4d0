"""The training loop: run a Lightning trainer from start or checkpoint to the last epoch.

Every kind of network that sapnet trains uses it: a Lightning module with a `save_network` method,
a data module, and a run folder.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import lightning
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from sapnet.system.device import choose_device
from sapnet.system.progress import shared_display
from sapnet.system.tensors import load_pickled
from sapnet.training.loop.callbacks import ProgressLines, SaveRun, SharedProgress
from sapnet.training.loop.precision import choose_precision
from sapnet.training.run_folder import check_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

    from sapnet.training.config import Precision
    from sapnet.training.run_folder import RunFolder


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the loop that do not depend on the kind of network.

    Attributes:
        epochs: passes over the images.
        steps_per_epoch: optimizer steps of one pass, on each rank.
        device: name of the device, as `choose_device` takes it.
        devices: number of devices on each machine.
        num_nodes: number of machines.
        precision: numerical precision; see `choose_precision`.
        clip_norm: largest gradient norm; 0 switches clipping off.
        log_every: steps between two lines of the log files.
        checkpoint_minutes: most minutes between two checkpoints; 0 writes one per epoch only.
        validates: True if the data module has held-out images.
        checkpoint: file to resume from; None starts anew.
    """

    epochs: int
    steps_per_epoch: int
    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: Precision = "auto"
    clip_norm: float = 0.0
    log_every: int = 10
    checkpoint_minutes: float = 0.0
    validates: bool = False
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of a training.

    Attributes:
        figures: the last logged value of each name.
        is_first_rank: True if this process speaks for all of a distributed run.
    """

    figures: dict[str, float]
    is_first_rank: bool


def fit(
    module: lightning.LightningModule,
    data: lightning.LightningDataModule,
    folder: RunFolder,
    cfg: LoopConfig,
    plugins: Sequence[ClusterEnvironment] = (),
) -> Outcome:
    """Train a module to the last epoch, from the start or from a checkpoint.

    After each epoch the checkpoint and the network are written, at the end the summary.

    Args:
        module: what is trained; its `save_network(folder)` writes the trained network.
        data: loaders of the images.
        folder: the run folder.
        cfg: settings of the loop.
        plugins: what Lightning must be told about the processes; see `cluster_plugins`.

    Raises:
        KeyboardInterrupt: the user interrupted the training.
    """
    saving = SaveRun(folder.path, cfg.checkpoint_minutes)
    if cfg.checkpoint is not None:
        check_checkpoint(cfg.checkpoint)
        load_pickled(cfg.checkpoint, what="a training")  # Lightning 2.5 would run what it holds
    trainer = _trainer(folder, cfg, plugins, saving)
    _run(trainer, module, data, cfg.checkpoint)
    # A run that was killed at its very end has no epoch left that would log figures.
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    figures = {**saving.figures, **logged}
    if trainer.is_global_zero:
        folder.finish(cfg.epochs, figures)
    return Outcome(figures, trainer.is_global_zero)


def _run(
    trainer: lightning.Trainer,
    module: lightning.LightningModule,
    data: lightning.LightningDataModule,
    checkpoint: Path | None,
) -> None:
    """Run the trainer; an interrupt raises KeyboardInterrupt instead of ending the process."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            # Comes from Lightning's use of torch, which we cannot change.
            warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec.* is deprecated")
            # Frozen norms are in eval mode on purpose.
            warnings.filterwarnings("ignore", message="Found .* in eval mode at the start")
            # Our sampler resumes inside an epoch, which Lightning cannot know.
            warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")
            # torch 2.4 says it of its own use of an older name.
            warnings.filterwarnings("ignore", message=r"`torch\.\w+\.amp\.autocast")
            trainer.fit(module, data, ckpt_path=None if checkpoint is None else str(checkpoint))
    except SystemExit as stop:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)  # Lightning has replaced it
        raise KeyboardInterrupt from stop
    if trainer.interrupted:  # Lightning before 2.5 returns normally
        raise KeyboardInterrupt


def _trainer(
    folder: RunFolder, cfg: LoopConfig, plugins: Sequence[ClusterEnvironment], saving: SaveRun
) -> lightning.Trainer:
    device = choose_device(cfg.device)
    several = cfg.devices * cfg.num_nodes > 1
    # Lightning's lines about devices and its tips would hide ours; its warnings stay.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    shared = shared_display()
    has_bar = shared is None and sys.stderr.isatty()
    lines = ProgressLines() if shared is None else SharedProgress(shared)
    return lightning.Trainer(
        accelerator=device.type if device.type != "cuda" else "gpu",
        devices=cfg.devices if device.index is None or several else [device.index],
        num_nodes=cfg.num_nodes,
        strategy="ddp_find_unused_parameters_true" if several else "auto",
        precision=choose_precision(cfg.precision, cfg.device),
        max_epochs=cfg.epochs,
        gradient_clip_val=cfg.clip_norm or None,
        log_every_n_steps=min(cfg.log_every, cfg.steps_per_epoch),
        logger=[
            CSVLogger(folder.path, name="logs"),
            TensorBoardLogger(folder.path, name="tensorboard"),
        ],
        callbacks=[
            saving,
            TQDMProgressBar() if has_bar else lines,
        ],
        plugins=list(plugins),
        default_root_dir=folder.path,
        enable_progress_bar=has_bar,
        enable_checkpointing=False,
        enable_model_summary=False,
        limit_val_batches=None if cfg.validates else 0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the loader shares the images out itself
    )
