"""Choose the settings that were left open: start, grids, scale ranges, rate, schedule.

Settings that the user gave, on the command line, in a recipe or in Python, stay as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.backbones.config import AVAILABLE_WEIGHTS
from sapnet.network.config import NAMED_WEIGHTS
from sapnet.network.others import fit_architecture
from sapnet.network.start import settle_start
from sapnet.segmentation.config import PUBLISHED_GRIDS, PUBLISHED_RANGES
from sapnet.segmentation.fitting import crowded_share, fit_grids, fit_ranges, missed_share
from sapnet.selection.config import PositivesConfig
from sapnet.training.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sapnet.data.coco import InstanceSet
    from sapnet.network.config import ModelConfig
    from sapnet.segmentation.config import SOLOv2Config
    from sapnet.segmentation.fitting import ObjectLayout
    from sapnet.selection.config import ConsensusConfig
    from sapnet.store.reader import ProposalStore
    from sapnet.training.config import TrainConfig


SEGMENTATION = ("num_grids", "scale_ranges")
"""Settings of SOLOv2 that may be left open."""

OPTIMIZER = ("lr", "lr_batch", "steps")
"""Settings of the optimizer that may be left open."""

CONSENSUS = ("prior_power",)
"""Settings of the consensus that may be left open."""

PRIOR_POWERS = {"click": 24.0}
"""Power at which own scores count, by proposer. Those of `click` were learned on photographs, and
its masks are kept to differ, so that agreement alone is worth little: at 0 the choice is 0.03 to
0.1 below the favourite, from 8 to 64 at most 0.01 (docs/notebook.md). The simulated proposer's
scores favor parts, and lose 0.17 at 24. Those of others have not been measured and do not count."""

EARLIER_CROWDED = (*PositivesConfig().crowded[:15], -0.005, -0.01, -0.015, -0.02, -0.025)
"""Default of `PositivesConfig.crowded` until the shrinking boxes became those of the release."""

ROUNDS = ("relabel",)
"""Settings of the training itself that may be left open."""

STEPS_BEFORE_ROUND = 150
"""A segmenter of fewer steps has too little to say about the labels."""

FEW_STEPS = 300
"""Trainings of fewer steps get a hint: after 150 steps from scratch, AdamW had learned hardly
anything on held-out images (docs/notebook.md)."""


@dataclass(frozen=True)
class ChosenSettings:
    """Complete settings of a training.

    Attributes:
        model: the network.
        training: the training.
        reasons: lines for the user: what the data look like, and the reason of each choice.
    """

    model: ModelConfig
    training: TrainConfig
    reasons: tuple[str, ...] = ()


def choose_settings(
    source: ProposalStore | InstanceSet, model_cfg: ModelConfig, cfg: TrainConfig
) -> ChosenSettings:
    """Choose the settings that are left open, from the training data.

    Args:
        source: proposals or instances to train on.
        model_cfg: the network; `start`, `num_grids` and `scale_ranges` may be open.
        cfg: the training; `lr`, `lr_batch` and `steps` may be open.

    Raises:
        FileNotFoundError: the embedded segmenter is asked for and its file is missing, or the
            checkpoint of another segmenter is.
        ValueError: either does not fit the network.
    """
    model_cfg, start_line = settle_start(model_cfg)
    layout = survey(source, model_cfg.augment)
    reasons = [_data_line(layout), *filter(None, [start_line])]
    if model_cfg.other is not None:
        other, line = fit_architecture(model_cfg.other, layout)
        model_cfg = replace(model_cfg, other=other)
        reasons += filter(None, [line])
    elif model_cfg.segmenter:
        segmentation, chosen = _choose_segmentation(layout, model_cfg.segmentation)
        model_cfg = replace(model_cfg, segmentation=segmentation)
        reasons += chosen
    reasons += [*_rate_lines(cfg), *_hints(layout, cfg)]
    model_cfg, chosen_prior = _choose_prior(source, model_cfg)
    reasons += chosen_prior
    if cfg.relabel is None:
        cfg = replace(cfg, relabel=usual_rounds(layout.num_images, model_cfg, cfg))
    reasons += _round_lines(cfg)
    cfg = replace(cfg, optimizer=cfg.optimizer.settled(cfg.batch_size, cfg.epochs))
    return ChosenSettings(model_cfg, cfg, tuple(reasons))


def usual_rounds(num_images: int, model_cfg: ModelConfig, cfg: TrainConfig) -> tuple[int, ...]:
    """Return the epochs at whose start labels are chosen again, if none are given."""
    votes = model_cfg.segmenter and model_cfg.selection.consensus.enabled
    middle = cfg.epochs // 2
    steps_before = middle * math.ceil(num_images / cfg.batch_size)
    is_due = cfg.supervision == "clicks" and votes and steps_before >= STEPS_BEFORE_ROUND
    return (middle,) if is_due else ()


def settings_as_before(
    model_cfg: ModelConfig, cfg: TrainConfig, stored: dict[str, Any]
) -> ChosenSettings:
    """Take the settings that are left open from the run that is to be resumed.

    Args:
        model_cfg: the network.
        cfg: the training.
        stored: content of the settings file of the run.
    """
    model, training = stored.get("model", {}), stored.get("train", {})
    model_cfg = _with_architecture(_with_start(model_cfg, model), model)
    segmentation = _filled(model_cfg.segmentation, model.get("segmentation", {}), SEGMENTATION)
    stored_consensus = model.get("selection", {}).get("consensus", {})
    consensus = _filled(model_cfg.selection.consensus, stored_consensus, CONSENSUS)
    optimizer = _filled(cfg.optimizer, training.get("optimizer", {}), OPTIMIZER)
    cfg = replace(_filled(cfg, training, ROUNDS), optimizer=optimizer)
    model_cfg = _with_positives(replace(model_cfg, segmentation=segmentation), model)
    return ChosenSettings(_with_consensus(model_cfg, consensus), cfg)


def _with_positives(cfg: ModelConfig, stored: dict[str, Any]) -> ModelConfig:
    """Keep the earlier default scales of a run that was begun with them."""
    begun = _as_tuple(stored.get("selection", {}).get("positives", {}).get("crowded"))
    positives = cfg.selection.positives
    if positives.crowded != PositivesConfig().crowded or begun != EARLIER_CROWDED:
        return cfg
    selection = replace(cfg.selection, positives=replace(positives, crowded=begun))
    return replace(cfg, selection=selection)


def _with_start(cfg: ModelConfig, stored: dict[str, Any]) -> ModelConfig:
    """Fill in the beginning of the run to resume, where none is asked for."""
    if cfg.start is not None:
        return cfg
    if cfg.weights == AVAILABLE_WEIGHTS:
        cfg = replace(cfg, weights=stored.get("weights", cfg.weights))
    return replace(cfg, start=stored.get("start")) if cfg.weights in NAMED_WEIGHTS else cfg


def _with_architecture(cfg: ModelConfig, stored: dict[str, Any]) -> ModelConfig:
    """Fill in the architecture of a segmenter other than SOLOv2."""
    if cfg.other is None:
        return cfg
    architecture = (stored.get("other") or {}).get("architecture")
    return replace(cfg, other=replace(cfg.other, architecture=architecture))


def _filled(values: Any, stored: dict[str, Any], names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """Fill in the open fields of these names of a dataclass."""
    open_names = [name for name in names if getattr(values, name) is None]
    return replace(values, **{name: _as_tuple(stored.get(name)) for name in open_names})


def _as_tuple(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Convert lists to tuples, inner ones too."""
    return tuple(_as_tuple(entry) for entry in value) if isinstance(value, list) else value


def _choose_segmentation(
    layout: ObjectLayout, cfg: SOLOv2Config
) -> tuple[SOLOv2Config, tuple[str, ...]]:
    """Choose ranges and grids. The grids depend on the ranges, which therefore come first."""
    reasons = []
    if cfg.scale_ranges is None:
        cfg = replace(cfg, scale_ranges=fit_ranges(layout))
        reasons.append(f"scale ranges {_text(cfg.ranges)}: {_reason_of_ranges(cfg)}")
    elif (missed := missed_share(layout, cfg.ranges)) > 0:
        reasons.append(
            f"scale ranges {_text(cfg.ranges)} as given: {missed:.1%} of the objects lie in none "
            "and will not be learned"
        )
    if cfg.num_grids is None:
        cfg = replace(cfg, num_grids=fit_grids(layout, cfg))
        reasons.append(f"grids {_text(cfg.grids)}: {_reason_of_grids(layout, cfg)}")
    return cfg, tuple(reasons)


def _choose_prior(
    source: ProposalStore | InstanceSet, model_cfg: ModelConfig
) -> tuple[ModelConfig, tuple[str, ...]]:
    """Choose how much the proposer's own scores count."""
    consensus = model_cfg.selection.consensus
    is_settled = consensus.prior_power is not None or not consensus.enabled
    if is_settled or model_cfg.other is not None:
        return model_cfg, ()
    proposer = getattr(getattr(source, "manifest", None), "proposer", "")
    power = PRIOR_POWERS.get(proposer, 0.0)
    model_cfg = _with_consensus(model_cfg, replace(consensus, prior_power=power))
    if not power:
        return model_cfg, ()
    return model_cfg, (f"own scores of the proposer {proposer} count to the power {power:g}",)


def _with_consensus(model_cfg: ModelConfig, consensus: ConsensusConfig) -> ModelConfig:
    return replace(model_cfg, selection=replace(model_cfg.selection, consensus=consensus))


def _data_line(layout: ObjectLayout) -> str:
    if not len(layout):
        return f"data: {layout.num_images} images without objects"
    small, middle, large = np.quantile(layout.sizes, (0.1, 0.5, 0.9))
    counts = layout.objects_per_image
    return (
        f"data: {layout.num_images} images, {len(layout)} objects, {counts.mean():.1f} an image "
        f"and at most {counts.max()}; in the network's input of {layout.short_side} px half of "
        f"them are larger than {middle:.0f} px (a tenth is below {small:.0f}, a tenth above "
        f"{large:.0f})"
    )


def _reason_of_ranges(cfg: SOLOv2Config) -> str:
    published = PUBLISHED_RANGES[-1][0]
    if cfg.ranges == PUBLISHED_RANGES:
        return "the published ones"
    return (
        f"the published ones times {cfg.ranges[-1][0] / published:.2g}, as they expect a tenth of "
        f"the objects above {published:.0f} px"
    )


def _reason_of_grids(layout: ObjectLayout, cfg: SOLOv2Config) -> str:
    shared = crowded_share(layout, cfg.grids, cfg.ranges)
    usual = crowded_share(layout, PUBLISHED_GRIDS, cfg.ranges)
    result = f"{shared:.1%} of the objects have no cell of their own"
    if cfg.grids == PUBLISHED_GRIDS:
        return f"the published ones; {result}"
    if cfg.grids[0] > PUBLISHED_GRIDS[0]:
        return f"finer than the published ones; {result}, and {usual:.1%} on those"
    return f"no finer than the features of an input of {layout.short_side} px; {result}"


def _rate_lines(cfg: TrainConfig) -> Iterator[str]:
    """Describe the rate and the schedule, where they are left open."""
    optimizer = cfg.optimizer
    if optimizer.lr is None and optimizer.lr_batch is None:
        yield (
            f"learning rate {optimizer.rate(cfg.batch_size):.3g} for batches of {cfg.batch_size}: "
            f"{optimizer.usual_lr:g} at {optimizer.usual_lr_batch} is usual for {optimizer.name}"
        )
    falls = optimizer.falls(cfg.epochs)
    if optimizer.steps is None and optimizer.schedule == "step" and falls:
        yield f"the rate falls after epochs {' and '.join(map(str, falls))} of {cfg.epochs}"


def _round_lines(cfg: TrainConfig) -> Iterator[str]:
    """Describe the rounds."""
    if cfg.relabel:
        starts = " and ".join(str(epoch + 1) for epoch in cfg.relabel)
        yield (
            f"labels: chosen anew in each step until epoch {starts} of {cfg.epochs} begins, then "
            "once with the segmenter's vote (--relabel)"
        )


def _hints(layout: ObjectLayout, cfg: TrainConfig) -> Iterator[str]:
    steps = cfg.epochs * math.ceil(layout.num_images / cfg.batch_size)
    if steps < FEW_STEPS:
        yield (
            f"hint: {steps} steps are few to learn from, {FEW_STEPS} at least are usual; raise "
            "--epochs"
        )


def _text(values: tuple[Any, ...]) -> str:
    """Format numbers as a recipe writes them, without needless decimals."""
    return "[" + ", ".join(_text(v) if isinstance(v, tuple) else f"{v:g}" for v in values) + "]"
