"""Train a network: from files to a run folder."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import lightning

from sapnet.batches.parts import parts_of
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.evaluation.proposals import proposal_ious
from sapnet.network.compiling import compile_network
from sapnet.network.model import Network, load_initial_weights
from sapnet.network.warm import as_in_run, build_from_run
from sapnet.segmentation.others.config import MASK_STRIDE as OTHER_MASK_STRIDE
from sapnet.structures.grids import MASK_STRIDE
from sapnet.system.device import choose_device
from sapnet.system.lock import locked
from sapnet.training.data import TrainingData
from sapnet.training.defaults import ChosenSettings, choose_settings, settings_as_before
from sapnet.training.inputs import TrainInputs, TrainSummary, describe_run
from sapnet.training.label_quality import LabelQuality
from sapnet.training.loop.announce import announce, start_line, store_lines
from sapnet.training.loop.fit import LoopConfig, fit
from sapnet.training.loop.launch import cluster_plugins, detect_launch, match_launch
from sapnet.training.module import TrainingModule
from sapnet.training.rounds.choosing import choose_again
from sapnet.training.run_folder import RunFolder
from sapnet.training.training_set import (
    TrainingSet,
    open_held_out,
    open_training_set,
    with_depth,
)
from sapnet.training.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sapnet.network.config import ModelConfig
    from sapnet.training.config import TrainConfig
    from sapnet.training.rounds.table import LabelTable


PARTIAL_LINE = (
    "hint: some images are not all clicked, and this segmenter learns what was not clicked as "
    "background. --segmenter solov2 leaves it open"
)
"""Line for the user about partial images and a segmenter that does not know them."""


def train(inputs: TrainInputs, model_cfg: ModelConfig, cfg: TrainConfig) -> TrainSummary:
    """Train a network, or resume the unfinished run in `inputs.out`.

    Args:
        inputs: files.
        model_cfg: the network.
        cfg: the training.

    Raises:
        ValueError: files or settings do not fit together, the run folder holds another run, or
            another process trains in it.
        FileNotFoundError: a file or the backbone's weights are missing.
    """
    with allowing_pixels(cfg.max_pixels), locked(inputs.out):
        return _train(inputs, model_cfg, cfg)


def _train(inputs: TrainInputs, model_cfg: ModelConfig, cfg: TrainConfig) -> TrainSummary:
    launch = detect_launch(os.environ)
    cfg = match_launch(cfg, launch)
    inputs.check_supervision(cfg, model_cfg)
    training_set = open_training_set(inputs, cfg)
    folder = RunFolder(inputs.out)
    model_cfg = with_depth(training_set, model_cfg, cfg, folder)
    if inputs.start_run is not None and folder.stored_settings() is None:
        model_cfg = as_in_run(model_cfg, inputs.start_run)
    chosen = _complete(training_set, model_cfg, cfg, folder)
    model_cfg, cfg = chosen.model, chosen.training
    checkpoint = folder.begin(describe_run(inputs, model_cfg, cfg))
    if checkpoint is not None and (figures := folder.finished_figures()) is not None:
        announce([f"{inputs.out} is finished ({cfg.epochs} epochs); nothing to do"])
        return TrainSummary(inputs.out, cfg.epochs, figures, was_finished=True)
    lightning.seed_everything(cfg.seed, workers=True, verbose=False)
    held_out = open_held_out(inputs, parts_of(model_cfg.augment))
    selects = None if cfg.supervision == "clicks" else False
    network, start_lines = _build(
        inputs, replace(model_cfg, selects=selects), training_set, checkpoint
    )
    if cfg.compile:
        compile_network(network, choose_device(cfg.device))
    stride = MASK_STRIDE if model_cfg.other is None else OTHER_MASK_STRIDE
    data = TrainingData(training_set, cfg, model_cfg.augment, held_out, stride)
    module = TrainingModule(
        network,
        cfg,
        data.steps_per_epoch(),
        relabel=_relabelling(training_set, data),
        quality=_label_quality(inputs, training_set),
        validation=None if held_out is None else Validation(held_out.truth, network.categories),
    )
    has_partial = training_set.has_partial(cfg.unmarked or "complete")
    if has_partial and model_cfg.has_solov2:
        module.watch_partial_images()
    facts = f"{len(data.dataset())} images, {len(network.categories)} categories"
    announce(
        [
            start_line(network, facts, cfg, checkpoint),
            *store_lines(training_set.store),
            *(line for line in chosen.reasons if not (start_lines and line.startswith("start:"))),
            *start_lines,
            *([PARTIAL_LINE] if has_partial and model_cfg.other is not None else []),
        ]
    )
    plugins = cluster_plugins(os.environ, launch)
    outcome = fit(module, data, folder, _loop_config(cfg, data, checkpoint), plugins)
    return TrainSummary(
        inputs.out, cfg.epochs, outcome.figures, is_first_rank=outcome.is_first_rank
    )


def _build(
    inputs: TrainInputs,
    model_cfg: ModelConfig,
    training_set: TrainingSet,
    checkpoint: Path | None,
) -> tuple[Network, list[str]]:
    """Build the network with the weights that it begins with, and lines about them."""
    categories = training_set.categories
    if checkpoint is not None:  # which has all weights
        return Network(model_cfg, categories), []
    if inputs.start_run is None:
        network = Network(model_cfg, categories)
        line = load_initial_weights(network)
        return network, [line] if line else []
    network, warm = build_from_run(model_cfg, categories, inputs.start_run)
    return network, [warm.line(inputs.start_run)]


def _complete(
    training_set: TrainingSet, model_cfg: ModelConfig, cfg: TrainConfig, folder: RunFolder
) -> ChosenSettings:
    """Complete the settings: from the run to resume, or else from the data."""
    stored = folder.stored_settings()
    if stored is None:
        return choose_settings(training_set.source, model_cfg, cfg)
    return settings_as_before(model_cfg, cfg, stored)


def _relabelling(
    training_set: TrainingSet, data: TrainingData
) -> Callable[[Network, int], LabelTable] | None:
    store = training_set.store
    if store is None:
        return None
    return lambda network, epoch: choose_again(network, data.label_dataloader(), store, epoch)


def _label_quality(inputs: TrainInputs, training_set: TrainingSet) -> LabelQuality | None:
    if inputs.truth is None or training_set.store is None:
        return None
    return LabelQuality(proposal_ious(training_set.store, inputs.truth))


def _loop_config(cfg: TrainConfig, data: TrainingData, checkpoint: Path | None) -> LoopConfig:
    return LoopConfig(
        epochs=cfg.epochs,
        steps_per_epoch=data.steps_per_epoch(),
        device=cfg.device,
        devices=cfg.devices,
        num_nodes=cfg.num_nodes,
        precision=cfg.precision,
        clip_norm=cfg.optimizer.clip_norm,
        log_every=cfg.log_every,
        checkpoint_minutes=cfg.checkpoint_minutes,
        validates=data.has_held_out,
        checkpoint=checkpoint,
    )
