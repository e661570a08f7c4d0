"""Choose the settings of a run from data and machine, with reasons in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.clicks import load_clicks
from sapnet.data.image_files.address import bands_words
from sapnet.data.image_files.listing import find_images
from sapnet.data.tiles.advice import advise_tiles
from sapnet.data.tiles.clicks import parts_line, tile_clicks
from sapnet.data.tiles.grid import Parts
from sapnet.pipeline.config import FREE_TO_CHANGE, PipelineConfig
from sapnet.pipeline.display import in_words
from sapnet.pipeline.object_size import median_share
from sapnet.proposals.automatic import WHOLE_ONLY, choose_proposer
from sapnet.recipes.load import load_recipe
from sapnet.system.device import choose_device, describe_device
from sapnet.system.from_json import dataclass_from_json
from sapnet.system.processes.parallel import num_cores
from sapnet.teaching.adapting.config import AdaptConfig, is_wanted
from sapnet.training.config import TrainConfig
from sapnet.training.default_recipe import CPU_RECIPE

if TYPE_CHECKING:
    from sapnet.pipeline.config import Effort, PipelineInputs
    from sapnet.pipeline.rounds import Round
    from sapnet.structures.clicks import ClickSet

GPU_RECIPE = "defaults"
"""Recipe of a training with a GPU: a ResNet-50 on images of 800 px."""

MAX_LOADERS = 4
"""Most processes that load images, unless others are named."""


@dataclass(frozen=True)
class Length:
    """The length of a training.

    Attributes:
        steps: steps at least.
        passes: passes over the images at least.
    """

    steps: int
    passes: int


CPU_LENGTHS: dict[Effort, Length] = {
    "fast": Length(300, 1),
    "balanced": Length(600, 6),
    "best": Length(1500, 12),
}
"""305 steps reach an AP of 0.381 on balloon, 95 % of that of true masks (docs/results.md)."""

GPU_LENGTHS: dict[Effort, Length] = {
    "fast": Length(600, 2),
    "balanced": Length(1500, 12),
    "best": Length(4500, 36),
}
"""By the paper's schedules 1x and 3x; not measured: no GPU was at hand."""

FAST_SIDES = (160, 192)
"""Short sides of the effort fast on a CPU: those of that measurement."""

FAST_OBJECT_PIXELS = 20
"""Least median side of the objects at those sizes, pixels: five cells of the mask features. Where
objects are smaller, the effort fast takes the sizes of the recipe. On nuclei, 14 px by the clicks,
the smaller images cost AP: 0.141 instead of the 0.250 of the demo (docs/results.md)."""

FAST_OBJECTS = 16
"""Objects of an image in one step of the effort fast. A step on nuclei, 42 in an image, took 3.6
processor seconds with all of them and half of that with 24."""

SECONDS_PER_CLICK = {"click": 0.18, "sam": 1.2, "regions": 0.1}
"""Processor seconds of a proposer for a click (docs/benchmarks.md)."""

ADAPT_SECONDS, ADAPT_ROUNDS = 55, 2
"""Processor seconds to learn and judge in a round of an adaptation, whose clicks are answered
before; and the usual number of rounds: one to three were seen."""

CLICKS_PER_PROCESS = 50
"""Fewest clicks that are worth another process."""

STEP_SECONDS, STEP_PIXELS, OBJECT_SECONDS = 0.75, 4 * 192 * 256, 0.015
"""Processor seconds of a training step of the small network: on so many input pixels, and for each
object."""

LABEL_SECONDS, CLICK_SECONDS = 0.12, 0.005
"""Processor seconds to label an image, and more for each of its clicks."""

PREDICT_SECONDS, EVALUATE_SECONDS, REPORT_SECONDS = 0.3, 5.0, 15.0
"""Processor seconds of an image, all figures, and a report. Guesses, as the three before: the
display replaces all by what it measures."""


@dataclass(frozen=True)
class Choice:
    """Settings with nothing left open, and why.

    Attributes:
        cfg: the settings.
        held_out: folder of the images to predict at the end, or their files.
        reasons: lines for the user.
        seconds: expected seconds of each step.
    """

    cfg: PipelineConfig
    held_out: tuple[Path, ...]
    reasons: tuple[str, ...]
    seconds: dict[str, float]


def choose(inputs: PipelineInputs, cfg: PipelineConfig, current: Round | None = None) -> Choice:
    """Choose what is left open.

    Args:
        inputs: files.
        cfg: settings; those given stay as they are.
        current: a further round, whose training is shorter if it begins with the one before.

    Raises:
        FileNotFoundError: a file or folder is missing.
        ValueError: the clicks are unfit, or the device is absent.
    """
    clicks = load_clicks(inputs.clicks)
    if not clicks.clicks:
        raise ValueError(
            f"{inputs.clicks}: expected clicks, found none on {len(clicks.images)} images. Click "
            "some objects first."
        )
    has_gpu = choose_device(cfg.device).type == "cuda"
    cfg, proposer_line = _with_proposer(cfg)
    share = median_share(clicks)
    is_given = cfg.short_sides is not None
    held_out, held_out_line = choose_held_out(inputs, clicks, cfg.max_predicted)
    cfg, tiled, tile_line = _with_windows(cfg, clicks)
    cfg = _with_training(cfg, len(tiled.images), share, has_gpu)
    changes = None if current is None else current.changes
    if changes is not None and current is not None and current.record.starts_warm:
        cfg = replace(cfg, epochs=max(round((cfg.epochs or 1) * changes.length), 1))
    seconds = _seconds(tiled, cfg, held_out)
    if changes is not None:
        seconds["propose"] *= changes.num_to_propose / max(changes.num_objects, 1)
    reasons = (
        _data_line(clicks),
        *tile_line,
        proposer_line,
        _training_line(cfg, len(tiled.images)),
        *([] if is_given else [_size_line(cfg, share)]),
        held_out_line,
        f"expected time on this machine, if it is idle: {in_words(sum(seconds.values()))}",
    )
    return Choice(cfg, held_out, reasons, seconds)


def settle(inputs: PipelineInputs, cfg: PipelineConfig, current: Round) -> Choice:
    """Choose what is left open; of a run that goes on, take what was chosen at its start.

    Args:
        inputs: files.
        cfg: settings as given.
        current: the round to work on; nothing is chosen yet for a new run.
    """
    record = current.record
    if not record.chosen:
        return choose(inputs, cfg)
    now = {name: getattr(cfg, name) for name in FREE_TO_CHANGE}
    before = replace(dataclass_from_json(record.chosen, PipelineConfig), **now)
    before = replace(before, bands=before.bands or ())  # what the clicks note later is too late
    if current.changes is None:
        return choose(inputs, before)
    # The length depends on the number of images, which may be another one now.
    asked = record.asked.get("settings", {}).get("epochs")
    return choose(inputs, replace(before, epochs=asked), current)


def choose_held_out(
    inputs: PipelineInputs, clicks: ClickSet, at_most: int
) -> tuple[tuple[Path, ...], str]:
    """Find the images to predict at the end, and say which they are.

    Args:
        inputs: files.
        clicks: the clicks; images that they list are not held out.
        at_most: most images, unless a folder was named.
    """
    if inputs.val_images is not None:
        count = len(find_images(inputs.val_images).paths)
        return (inputs.val_images,), f"held out: {count} images of {inputs.val_images}"
    files = find_images(inputs.images)
    listed = {image.file_name for image in clicks.images}
    others = [path for path in files.paths if files.name(path) not in listed]
    if not others or not at_most:
        return (), "held out: none; --val.images names a folder of images to predict at the end"
    index = np.linspace(0, len(others) - 1, min(at_most, len(others))).round().astype(int)
    chosen = tuple(others[i] for i in index)
    share = f"{len(chosen)} of " if len(chosen) < len(others) else ""
    line = f"held out: {share}{len(others)} images of {inputs.images} that the clicks do not list"
    return chosen, line


def _with_proposer(cfg: PipelineConfig) -> tuple[PipelineConfig, str]:
    if cfg.proposer != "auto":
        return cfg, f"proposer: {cfg.proposer}, as given"
    choice = choose_proposer(cfg.checkpoint)
    return replace(cfg, proposer=choice.proposer, checkpoint=choice.checkpoint), str(choice)


def _with_windows(
    cfg: PipelineConfig, clicks: ClickSet
) -> tuple[PipelineConfig, ClickSet, tuple[str, ...]]:
    """Choose windows and bands; return the clicks of the windows, and lines about them."""
    lines: list[str] = []
    whole = cfg.proposer in WHOLE_ONLY
    if cfg.bands is None:
        cfg = replace(cfg, bands=() if whole else clicks.bands)
    if clicks.bands not in ((), cfg.bands):
        noted = bands_words(clicks.bands)
        lines.append(f"{bands_words(cfg.bands or ())} are read, not {noted} that the clicks note")
    if cfg.tile is None:
        advice = None if whole else advise_tiles(clicks.images, clicks.clicks)
        cfg = replace(cfg, tile=0 if advice is None else advice.size)
        if advice is not None:
            lines.append(f"windows of {advice.size} px (--tile 0 for none): {advice.reason}")
    parts = Parts.of(cfg.tile, cfg.overlap, cfg.bands)
    if not parts:
        return cfg, clicks, tuple(lines)
    tiled = tile_clicks(clicks, parts)
    return cfg, tiled, (*lines, parts_line(clicks, tiled, parts))


def _with_training(
    cfg: PipelineConfig, num_images: int, share: float, has_gpu: bool
) -> PipelineConfig:
    """Choose recipe, sizes and length of the training; `share` is the objects' `median_share`."""
    is_small = not has_gpu or cfg.effort == "fast"
    is_fast_cpu = not has_gpu and cfg.effort == "fast" and cfg.recipe is None
    recipe = cfg.recipe or (CPU_RECIPE if is_small else GPU_RECIPE)
    batch_size = cfg.batch_size or load_recipe(recipe).get("batch_size", TrainConfig.batch_size)
    length = (GPU_LENGTHS if has_gpu else CPU_LENGTHS)[cfg.effort]
    epochs = cfg.epochs or max(
        math.ceil(length.steps / math.ceil(num_images / batch_size)), length.passes
    )
    if is_fast_cpu:
        is_small_object = share * float(np.mean(FAST_SIDES)) < FAST_OBJECT_PIXELS
        cfg = replace(
            cfg,
            short_sides=cfg.short_sides or (None if is_small_object else FAST_SIDES),
            max_objects=cfg.max_objects or FAST_OBJECTS,
        )
    return replace(
        cfg,
        recipe=recipe,
        batch_size=batch_size,
        epochs=epochs,
        workers=cfg.workers or min(num_cores(), MAX_LOADERS),
    )


def _sides(cfg: PipelineConfig) -> tuple[int, ...]:
    """Return the short sides of the training images."""
    from sapnet.batches.config import AugmentConfig

    model = load_recipe(cfg.recipe).get("model", {}) if cfg.recipe else {}
    usual = model.get("augment", {}).get("short_sides", AugmentConfig.short_sides)
    return cfg.short_sides or tuple(usual)


def _data_line(clicks: ClickSet) -> str:
    clicked = {click.image_id for click in clicks.clicks}
    names = ", ".join(category.name for category in clicks.categories[:5])
    more = ", ..." if len(clicks.categories) > 5 else ""
    empty = len(clicks.images) - len(clicked)
    without = f", {empty} images without an object" if empty else ""
    return (
        f"data: {len(clicks.clicks)} clicks on {len(clicked)} images{without}; "
        f"{len(clicks.categories)} categories: {names}{more}"
    )


def _training_line(cfg: PipelineConfig, num_images: int) -> str:
    steps = math.ceil(num_images / (cfg.batch_size or 1))
    sides = _sides(cfg)
    size = f"{min(sides)} to {max(sides)} px" if len(set(sides)) > 1 else f"{sides[0]} px"
    device, cores = describe_device(choose_device(cfg.device)), num_cores()
    objects = f", at most {cfg.max_objects} objects of an image a step" if cfg.max_objects else ""
    return (
        f"training ({cfg.effort}) on {device} with {cores} cores: recipe {cfg.recipe}, short sides "
        f"of {size}, {cfg.epochs} passes of {steps} steps of {cfg.batch_size} images{objects}"
    )


def _size_line(cfg: PipelineConfig, share: float) -> str:
    pixels = share * float(np.mean(_sides(cfg)))
    return (
        f"objects: by the clicks, a side of {100 * share:.0f} % of the image's short side or less, "
        f"{pixels:.0f} px in training"
    )


def _seconds(clicks: ClickSet, cfg: PipelineConfig, held_out: tuple[Path, ...]) -> dict[str, float]:
    """Estimate the seconds of each step on an idle machine without a GPU."""
    num_images, num_clicks = len(clicks.images), len(clicks.clicks)
    processes = max(min(num_cores(), num_clicks // CLICKS_PER_PROCESS), 1)
    batch, cores = cfg.batch_size or 1, min(num_cores(), 2)
    pixels = batch * float(np.mean(np.square(_sides(cfg)))) * 4 / 3
    objects = min(num_clicks / max(num_images, 1), cfg.max_objects or math.inf)
    step = STEP_SECONDS * pixels / STEP_PIXELS + OBJECT_SECONDS * batch * objects
    steps = (cfg.epochs or 1) * math.ceil(num_images / batch)
    label = num_images * LABEL_SECONDS + num_clicks * CLICK_SECONDS
    predicted = len(find_images(held_out).paths) if held_out else 0
    asked, learned = num_clicks, 0
    is_adapted = cfg.proposer == "click" and is_wanted(cfg.adapt, cfg.checkpoint)
    if is_adapted and num_clicks >= AdaptConfig.min_clicks:
        asked += ADAPT_ROUNDS * min(num_clicks, AdaptConfig.max_clicks)
        learned = ADAPT_ROUNDS * ADAPT_SECONDS
    seconds = {
        "propose": asked * SECONDS_PER_CLICK.get(cfg.proposer, 0.01) / processes + learned / cores,
        "train": (steps * step + label) / cores,  # all is labelled once during the training
        "label": label,
    }
    if held_out:
        seconds["predict"] = predicted * PREDICT_SECONDS
    return {**seconds, "evaluate": EVALUATE_SECONDS, "report": REPORT_SECONDS}
