"""`sapnet.train`: train a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from sapnet.api.options import check_names, fill, plain_values
from sapnet.network.config import ModelConfig
from sapnet.recipes.load import METHODS, load_recipe, merge_settings
from sapnet.segmentation.others.config import SegmenterChoice
from sapnet.system.locations import Location, as_location
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.default_recipe import default_recipe, note_on

if TYPE_CHECKING:
    from sapnet.structures.coverage import Unmarked
    from sapnet.training.inputs import TrainSummary

logger = logging.getLogger(__name__)

FILES = ("proposals", "corrections", "masks", "truth", "start_run", "val_images", "val_truth")
"""Options that name files."""


class TrainOptions(TypedDict, total=False):
    """Options of `sapnet train` that are not required.

    See `TrainInputs`, `TrainConfig` and `SegmenterChoice`.

    `optimizer` and `model` are groups of settings: a dictionary such as `{"backbone": "resnet18"}`,
    in which dictionaries may lie, or the dataclass.
    """

    proposals: Location | None
    corrections: Path | str | None
    masks: Path | str | None
    truth: Path | str | None
    start_run: Path | str | None
    val_images: Path | str | None
    val_truth: Path | str | None
    method: Literal["sapnet+", "paper"]
    segmenter: Literal["solov2", "mask-rcnn", "mask2former"]
    checkpoint: Path | str | None
    supervision: Literal["clicks", "top1", "masks"]
    epochs: int
    batch_size: int
    workers: int
    seed: int
    device: str
    devices: int
    num_nodes: int
    precision: Literal["auto", "32", "bf16", "fp16"]
    compile: bool
    keep_empty: bool
    relabel: tuple[int, ...] | None
    max_objects: int | None
    bits: int | None
    max_pixels: int | None
    tile: int | None
    overlap: int | None
    bands: tuple[int, ...] | None
    unmarked: Unmarked | None
    log_every: int
    checkpoint_minutes: float
    optimizer: OptimizerConfig | Mapping[str, Any]
    model: ModelConfig | Mapping[str, Any]


def train(
    images: Path | str,
    out: Path | str,
    *,
    config: Path | str | None = None,
    **options: Unpack[TrainOptions],
) -> TrainSummary:
    """Train a network end to end from clicks and their proposals, as `sapnet train`.

    Args:
        images: folder of the training images.
        out: run folder; an unfinished run in it is resumed.
        config: recipe, by name or as the path of a YAML file; options win over it.
        options: those of `TrainInputs`, `TrainConfig` and `SegmenterChoice`, which have the
            defaults; `model`, a `ModelConfig` or a dictionary of its settings; and `method`,
            "sapnet+" (default) or "paper", which chooses the defaults of `model.selection`.

    Raises:
        FileNotFoundError: a file or the backbone's weights are missing.
        TypeError: an option is unknown.
        ValueError: files or settings do not fit together, or the run folder holds another run.
    """
    from sapnet.training.inputs import TrainInputs
    from sapnet.training.run import train as train_run

    check_names("train", options, TrainOptions.__optional_keys__)
    values = _with_recipes(config, out, plain_values(options))
    model = fill("train: model", ModelConfig, values.get("model", {}))
    given: dict[str, Any] = {n: values[n] for n in ("segmenter", "checkpoint") if n in values}
    if given:
        model = replace(model, other=fill("train", SegmenterChoice, given).other())
    own = {field.name for field in fields(TrainConfig)}
    cfg = fill("train", TrainConfig, {k: v for k, v in values.items() if k in own})
    files: dict[str, Any] = {
        name: as_location(values[name]) for name in FILES if values.get(name) is not None
    }
    inputs = TrainInputs(images=Path(images), out=Path(out), **files)
    return train_run(inputs, model, cfg)


def _with_recipes(
    config: Path | str | None, out: Path | str, values: dict[str, Any]
) -> dict[str, Any]:
    """Merge the options into the recipe, and both into the recipe of the method.

    Without a recipe and a GPU, the one for a CPU is taken, with a line in the log.
    """
    given = values if config is None else merge_settings(_recipe(config), values)
    method = given.get("method", next(iter(METHODS)))
    if method not in METHODS:
        known = " or ".join(map(repr, METHODS))
        raise ValueError(f"train: method: expected {known}, found {method!r}")
    names = [METHODS[method]]
    if config is None:
        segmenter = given.get("segmenter") if given.get("checkpoint") else None
        recipe = default_recipe(given.get("device", TrainConfig.device), Path(out), segmenter)
        names.append(recipe)
        if recipe is not None:
            logger.info("%s", note_on(recipe))
    below: dict[str, Any] = {}
    for name in names:
        below = below if name is None else merge_settings(below, _recipe(name))
    return merge_settings(below, given)


def _recipe(name: Path | str) -> dict[str, Any]:
    """Load a recipe; its `val` becomes `val_images` and `val_truth`."""
    recipe = load_recipe(name)
    for key, value in recipe.pop("val", {}).items():
        recipe[f"val_{key}"] = value
    given = {key: recipe[key] for key in recipe if key not in ("images", "out")}
    check_names(f"train: recipe {name}", given, TrainOptions.__optional_keys__)
    return given
