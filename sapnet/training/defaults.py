"""Settings that were left open, fitted to the data: grids, scale ranges, learning rate, schedule.

What the user gave, on the command line, in a recipe or in Python, stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.segmentation.config import PUBLISHED_GRIDS, PUBLISHED_RANGES
from sapnet.segmentation.fitting import crowded_share, fit_grids, fit_ranges, missed_share
from sapnet.training.survey import survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sapnet.network.config import ModelConfig
    from sapnet.segmentation.config import SOLOv2Config
    from sapnet.segmentation.fitting import ObjectLayout
    from sapnet.training.config import TrainConfig
    from sapnet.training.data import TrainingSet


SEGMENTATION = ("num_grids", "scale_ranges")
"""Settings of SOLOv2 that are fitted where they are open."""

OPTIMIZER = ("lr", "lr_batch", "steps")
"""Settings of the optimiser, likewise."""

FEW_STEPS = 300
"""A training of fewer steps is pointed out: from scratch, AdamW had found hardly anything on
held-out images after 150 (docs/notebook.md)."""


@dataclass(frozen=True)
class Fit:
    """Settings without open ends.

    Attributes:
        settings: the network.
        cfg: how to train it.
        reasons: a line for what was seen in the data and for each choice, why it was made.
    """

    settings: ModelConfig
    cfg: TrainConfig
    reasons: tuple[str, ...] = ()


def fit_to_data(training_set: TrainingSet, settings: ModelConfig, cfg: TrainConfig) -> Fit:
    """Choose what the settings leave open.

    Args:
        training_set: the data.
        settings: the network; `num_grids` and `scale_ranges` may be open.
        cfg: how to train; `lr`, `lr_batch` and `steps` may be open.
    """
    layout = survey(training_set.source, settings.augment)
    reasons = [_seen(layout)]
    if settings.segmenter:
        segmentation, chosen = _fit_segmentation(layout, settings.segmentation)
        settings = replace(settings, segmentation=segmentation)
        reasons += chosen
    reasons += [*_reasons_of_rate(cfg), *_hints(layout, cfg)]
    cfg = replace(cfg, optimizer=cfg.optimizer.settled(cfg.batch_size, cfg.epochs))
    return Fit(settings, cfg, tuple(reasons))


def settle_as_before(settings: ModelConfig, cfg: TrainConfig, stored: dict[str, Any]) -> Fit:
    """Take what the settings leave open from the run that is to be resumed.

    Args:
        settings: the network.
        cfg: how to train it.
        stored: content of the run's settings file.
    """
    model, training = stored.get("model", {}), stored.get("train", {})
    segmentation = _filled(settings.segmentation, model.get("segmentation", {}), SEGMENTATION)
    optimizer = _filled(cfg.optimizer, training.get("optimizer", {}), OPTIMIZER)
    return Fit(replace(settings, segmentation=segmentation), replace(cfg, optimizer=optimizer))


def _filled(values: Any, stored: dict[str, Any], names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """A settings dataclass whose open fields of these names are filled in."""
    open_names = [name for name in names if getattr(values, name) is None]
    return replace(values, **{name: _as_tuple(stored.get(name)) for name in open_names})


def _as_tuple(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Lists as tuples, inner ones too."""
    return tuple(_as_tuple(entry) for entry in value) if isinstance(value, list) else value


def _fit_segmentation(
    layout: ObjectLayout, cfg: SOLOv2Config
) -> tuple[SOLOv2Config, tuple[str, ...]]:
    """The ranges first, as the grids depend on them."""
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


def _seen(layout: ObjectLayout) -> str:
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


def _reasons_of_rate(cfg: TrainConfig) -> Iterator[str]:
    """About what is open, before it is settled."""
    optimizer = cfg.optimizer
    if optimizer.lr is None and optimizer.lr_batch is None:
        yield (
            f"learning rate {optimizer.rate(cfg.batch_size):.3g} for batches of {cfg.batch_size}: "
            f"{optimizer.usual_lr:g} at {optimizer.usual_lr_batch} is usual for {optimizer.name}"
        )
    falls = optimizer.falls(cfg.epochs)
    if optimizer.steps is None and optimizer.schedule == "step" and falls:
        yield f"the rate falls after epochs {' and '.join(map(str, falls))} of {cfg.epochs}"


def _hints(layout: ObjectLayout, cfg: TrainConfig) -> Iterator[str]:
    steps = cfg.epochs * math.ceil(layout.num_images / cfg.batch_size)
    if steps < FEW_STEPS:
        yield (
            f"hint: {steps} steps are few to learn from, {FEW_STEPS} at least are usual; raise "
            "--epochs"
        )


def _text(values: tuple[Any, ...]) -> str:
    """Numbers as a recipe writes them, without needless decimals."""
    return "[" + ", ".join(_text(v) if isinstance(v, tuple) else f"{v:g}" for v in values) + "]"
