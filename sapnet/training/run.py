"""One training run, from files to a run folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from sapnet.data.coco import load_instances
from sapnet.evaluation.proposals import proposal_ious
from sapnet.network.compiling import compile_network
from sapnet.network.config import ModelConfig
from sapnet.network.model import Network, build_model
from sapnet.system.device import choose_device, describe_device
from sapnet.system.files import write_json_atomic
from sapnet.system.json_settings import differences
from sapnet.training.callbacks import CHECKPOINT, ProgressLines, SaveRun
from sapnet.training.config import TrainConfig
from sapnet.training.data import HeldOut, TrainingData, TrainingSet, open_training_set
from sapnet.training.defaults import Fit, fit_to_data, settle_as_before
from sapnet.training.label_quality import LabelQuality
from sapnet.training.launch import cluster_plugins, detect_launch, match_launch
from sapnet.training.module import TrainingModule
from sapnet.training.validation import Validation

if TYPE_CHECKING:
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

logger = logging.getLogger(__name__)

SETTINGS = "settings.json"
"""What the run was started with; a resumed run must agree."""

SUMMARY = "summary.json"
"""Written when a run is finished: its last figures."""

FREE_TO_CHANGE = (
    "workers",
    "compile",
    "device",
    "devices",
    "num_nodes",
    "log_every",
    "checkpoint_minutes",
)
"""Training settings that change how fast a run is, not what it computes."""


@dataclass(frozen=True)
class TrainInputs:
    """Files of a training run.

    Attributes:
        images: folder of the training images.
        out: run folder; an unfinished run in it is resumed.
        proposals: store written by `sapnet propose`.
        corrections: file of `sapnet review`; its masks are kept, what it deleted is left out.
        masks: COCO instance json, for supervision by masks: ground truth, or the labels that
            `sapnet label` wrote (two-stage training).
        truth: COCO instance json of the training images; only to log how good the chosen masks
            are.
        val_images: folder of held-out images.
        val_truth: COCO instance json of the held-out images.
    """

    images: Path
    out: Path
    proposals: Path | None = None
    corrections: Path | None = None
    masks: Path | None = None
    truth: Path | None = None
    val_images: Path | None = None
    val_truth: Path | None = None

    def __post_init__(self) -> None:
        if (self.val_images is None) != (self.val_truth is None):
            raise ValueError("--val.images and --val.truth are given together or not at all")

    def check_supervision(self, cfg: TrainConfig, settings: ModelConfig) -> None:
        """Raise a ValueError unless the files fit what is trained, and on what."""
        if not settings.segmenter and cfg.supervision != "clicks":
            raise ValueError(
                f"--model.segmenter false trains selection alone, which --supervision "
                f"{cfg.supervision} does not have: nothing would be trained. Leave one of them out"
            )
        if not settings.segmenter and self.val_images is not None:
            raise ValueError(
                "--val.images scores the segmenter, which --model.segmenter false leaves out. "
                "Leave one of them out; --truth logs how good the chosen masks are"
            )
        if cfg.supervision == "masks" and self.masks is None:
            raise ValueError("--supervision masks needs --masks instances.json (or labels.json)")
        if cfg.supervision == "masks" and self.corrections is not None:
            raise ValueError(
                "--corrections are of proposals, not of --masks. Write the corrected masks with "
                "`sapnet label --corrections` and name that file"
            )
        if cfg.supervision != "masks" and self.proposals is None:
            raise ValueError(
                f"--supervision {cfg.supervision} needs --proposals STORE, written by "
                "`sapnet propose`"
            )


@dataclass(frozen=True)
class TrainSummary:
    """What `train` did.

    Attributes:
        run: the run folder.
        epochs: length of the training.
        figures: the last logged figures by name.
        was_finished: whether the run had been finished before, and nothing was done.
        is_first_rank: whether this process speaks for all of a distributed run.
    """

    run: Path
    epochs: int
    figures: dict[str, float]
    was_finished: bool = False
    is_first_rank: bool = True


def train(inputs: TrainInputs, settings: ModelConfig, cfg: TrainConfig) -> TrainSummary:
    """Train a network; resumes the run in `inputs.out` where there is an unfinished one.

    Args:
        inputs: files.
        settings: the network.
        cfg: how to train it.

    Raises:
        ValueError: files or settings do not fit together, or the run folder holds another run.
        FileNotFoundError: a file or the backbone's weights are missing.
    """
    launch = detect_launch(os.environ)
    cfg = match_launch(cfg, launch)
    inputs.check_supervision(cfg, settings)
    training_set = open_training_set(
        inputs.images, inputs.proposals, inputs.masks, cfg, inputs.corrections
    )
    stored = _stored_settings(inputs.out)
    fit = (
        fit_to_data(training_set, settings, cfg)
        if stored is None
        else settle_as_before(settings, cfg, stored)
    )
    settings, cfg = fit.settings, fit.cfg
    checkpoint = _prepare_run(inputs, settings, cfg, stored)
    if checkpoint is not None and (summary := _read_summary(inputs.out, cfg)) is not None:
        return summary
    lightning.seed_everything(cfg.seed, workers=True, verbose=False)
    held_out = _held_out(inputs)
    model = build_model(settings, training_set.categories)
    if cfg.compile:
        compile_network(model, choose_device(cfg.device))
    data = TrainingData(training_set, cfg, settings.augment, held_out)
    module = TrainingModule(
        model,
        cfg,
        data.steps_per_epoch(),
        quality=_label_quality(inputs, training_set),
        validation=None if held_out is None else Validation(held_out.truth, model.categories),
    )
    _announce(model, data, cfg, checkpoint)
    _announce_given(training_set)
    _announce_fit(fit)
    trainer = _trainer(inputs.out, cfg, data, cluster_plugins(os.environ, launch))
    _fit(trainer, module, data, checkpoint)
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    if trainer.is_global_zero:
        write_json_atomic(inputs.out / SUMMARY, {"epochs": cfg.epochs, "figures": figures})
    return TrainSummary(inputs.out, cfg.epochs, figures, is_first_rank=trainer.is_global_zero)


def _fit(
    trainer: lightning.Trainer, module: TrainingModule, data: TrainingData, checkpoint: Path | None
) -> None:
    """Train; an interrupt leaves as KeyboardInterrupt, where Lightning would end the process."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            # Lightning's use of torch, which nobody here can change.
            warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec.* is deprecated")
            # Frozen norms are meant to be so.
            warnings.filterwarnings("ignore", message="Found .* in eval mode at the start")
            # Our sampler goes on inside an epoch, which Lightning cannot know.
            warnings.filterwarnings("ignore", message=".*your dataloader is not resumable")
            trainer.fit(module, data, ckpt_path=None if checkpoint is None else str(checkpoint))
    except SystemExit as stop:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)  # Lightning switched it off
        raise KeyboardInterrupt from stop
    if trainer.interrupted:  # Lightning before 2.5 returns
        raise KeyboardInterrupt


def _read_summary(run: Path, cfg: TrainConfig) -> TrainSummary | None:
    """What a finished run came to; None where the run is not finished."""
    path = run / SUMMARY
    if not path.is_file():
        return None
    logger.info("%s is finished (%d epochs); nothing to do", run, cfg.epochs)
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    known = {name: float(value) for name, value in figures.items() if value is not None}
    return TrainSummary(run, cfg.epochs, known, was_finished=True)


def _held_out(inputs: TrainInputs) -> HeldOut | None:
    if inputs.val_images is None or inputs.val_truth is None:
        return None
    return HeldOut(inputs.val_images, load_instances(inputs.val_truth))


def _label_quality(inputs: TrainInputs, training_set: TrainingSet) -> LabelQuality | None:
    if inputs.truth is None or training_set.store is None:
        return None
    return LabelQuality(proposal_ious(training_set.store, inputs.truth))


def _stored_settings(run: Path) -> dict[str, Any] | None:
    """What a run with a checkpoint was started with.

    A folder without a checkpoint holds nothing that other settings could spoil.
    """
    path = run / SETTINGS
    if not (path.is_file() and (run / CHECKPOINT).is_file()):
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _prepare_run(
    inputs: TrainInputs, settings: ModelConfig, cfg: TrainConfig, stored: dict[str, Any] | None
) -> Path | None:
    """Make the run folder, or find the checkpoint of an unfinished run of the same settings."""
    wanted = json.loads(json.dumps(_description(inputs, settings, cfg)))
    if stored is not None:
        different = differences(stored, wanted)
        if different:
            raise ValueError(
                f"{inputs.out} holds a run of other settings: {'; '.join(different[:5])}. Give "
                "another --out, or delete that folder"
            )
        return inputs.out / CHECKPOINT
    inputs.out.mkdir(parents=True, exist_ok=True)
    write_json_atomic(inputs.out / SETTINGS, wanted)
    return None


def _description(inputs: TrainInputs, settings: ModelConfig, cfg: TrainConfig) -> dict[str, Any]:
    """Everything that a run's weights depend on."""
    train_settings = {k: v for k, v in asdict(cfg).items() if k not in FREE_TO_CHANGE}
    sources = {"images": inputs.images, "proposals": inputs.proposals, "masks": inputs.masks}
    files = {k: str(v.resolve()) for k, v in sources.items() if v is not None}
    if inputs.corrections is not None:
        # By content, too: the file grows while somebody reviews.
        files["corrections"] = (
            f"{inputs.corrections.resolve()}, sha256 "
            + (hashlib.sha256(inputs.corrections.read_bytes()).hexdigest()[:12])
        )
    return {"files": files, "model": asdict(settings), "train": train_settings}


def _announce(
    model: Network, data: TrainingData, cfg: TrainConfig, checkpoint: Path | None
) -> None:
    if getattr(rank_zero_only, "rank", 0):
        return
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    device = describe_device(choose_device(cfg.device))
    logger.info(
        "training on %s: %d images, %d categories, %.1f M trainable parameters, %d epochs of "
        "batches of %d%s",
        device,
        len(data.dataset()),
        len(model.categories),
        count / 1e6,
        cfg.epochs,
        cfg.batch_size,
        "" if checkpoint is None else f"; resuming from {checkpoint}",
    )


def _announce_given(training_set: TrainingSet) -> None:
    if getattr(rank_zero_only, "rank", 0) or training_set.store is None:
        return
    if given := training_set.store.count_given():
        logger.info("%s", given)
    if training_set.store.corrections is not None:
        logger.info("%s", training_set.store.corrections)


def _announce_fit(fit: Fit) -> None:
    if getattr(rank_zero_only, "rank", 0):
        return
    for reason in fit.reasons:
        logger.info("%s", reason)


def choose_precision(cfg: TrainConfig) -> Literal["32-true", "bf16-mixed", "16-mixed"]:
    """The precision of a training as Lightning names it; "auto" depends on the device."""
    match cfg.precision:
        case "bf16":
            return "bf16-mixed"
        case "fp16":
            return "16-mixed"
        case "32":
            return "32-true"
    on_gpu = choose_device(cfg.device).type == "cuda"
    return "bf16-mixed" if on_gpu and torch.cuda.is_bf16_supported() else "32-true"


def _trainer(
    run: Path, cfg: TrainConfig, data: TrainingData, plugins: list[ClusterEnvironment]
) -> lightning.Trainer:
    device = choose_device(cfg.device)
    several = cfg.devices * cfg.num_nodes > 1
    # Its lines of devices and tips would drown ours; its warnings stay.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    callbacks: list[lightning.Callback] = [SaveRun(run, cfg.checkpoint_minutes)]
    has_bar = sys.stderr.isatty()
    callbacks.append(TQDMProgressBar() if has_bar else ProgressLines())
    return lightning.Trainer(
        accelerator=device.type if device.type != "cuda" else "gpu",
        devices=cfg.devices if device.index is None or several else [device.index],
        num_nodes=cfg.num_nodes,
        strategy="ddp_find_unused_parameters_true" if several else "auto",
        precision=choose_precision(cfg),
        max_epochs=cfg.epochs,
        gradient_clip_val=cfg.optimizer.clip_norm or None,
        log_every_n_steps=min(cfg.log_every, data.steps_per_epoch()),
        logger=[CSVLogger(run, name="logs"), TensorBoardLogger(run, name="tensorboard")],
        callbacks=callbacks,
        plugins=list(plugins),
        default_root_dir=run,
        enable_progress_bar=has_bar,
        enable_checkpointing=False,
        enable_model_summary=False,
        limit_val_batches=None if data.has_held_out else 0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the loader shares the images out itself
    )
