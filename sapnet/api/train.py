"""`sapnet.train`: train a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from sapnet.api.options import check_names, fill, plain_values
from sapnet.network.config import ModelConfig
from sapnet.recipes.load import load_recipe, merge_settings
from sapnet.selection.config import paper_selection
from sapnet.system.locations import Location, as_location
from sapnet.training.config import OptimizerConfig, TrainConfig

if TYPE_CHECKING:
    from sapnet.training.inputs import TrainSummary

FILES = ("proposals", "corrections", "masks", "truth", "val_images", "val_truth")
"""Options that name files."""


class TrainOptions(TypedDict, total=False):
    """Options of `sapnet train` that are not required, see `TrainInputs` and `TrainConfig`.

    `optimizer` and `model` are groups of settings: a dictionary such as `{"backbone": "resnet18"}`,
    in which dictionaries may lie, or the dataclass.
    """

    proposals: Location | None
    corrections: Path | str | None
    masks: Path | str | None
    truth: Path | str | None
    val_images: Path | str | None
    val_truth: Path | str | None
    method: Literal["sapnet+", "paper"]
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
    max_objects: int | None
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
        options: those of `TrainInputs` and `TrainConfig`, which have the defaults; `model`, a
            `ModelConfig` or a dictionary of its settings; and `method`, "sapnet+" (default) or
            "paper", which chooses the defaults of `model.selection`.

    Raises:
        FileNotFoundError: a file or the backbone's weights are missing.
        TypeError: an option is unknown.
        ValueError: files or settings do not fit together, or the run folder holds another run.
    """
    from sapnet.training.inputs import TrainInputs
    from sapnet.training.run import train as train_run

    check_names("train", options, TrainOptions.__optional_keys__)
    values = _with_recipe(config, plain_values(options))
    model = fill("train: model", ModelConfig, _model_values(values))
    own = {field.name for field in fields(TrainConfig)}
    cfg = fill("train", TrainConfig, {k: v for k, v in values.items() if k in own})
    files: dict[str, Any] = {
        name: as_location(values[name]) for name in FILES if values.get(name) is not None
    }
    inputs = TrainInputs(images=Path(images), out=Path(out), **files)
    return train_run(inputs, model, cfg)


def _with_recipe(config: Path | str | None, values: dict[str, Any]) -> dict[str, Any]:
    """Join a recipe with the options, which win; its `val` becomes `val_images`, `val_truth`."""
    if config is None:
        return values
    recipe = load_recipe(config)
    for name, value in recipe.pop("val", {}).items():
        recipe[f"val_{name}"] = value
    given = {name: recipe[name] for name in recipe if name not in ("images", "out")}
    check_names(f"train: recipe {config}", given, TrainOptions.__optional_keys__)
    return merge_settings(given, values)


def _model_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the model, on top of the defaults that the method chooses."""
    method, model = values.get("method", "sapnet+"), values.get("model", {})
    match method:
        case "sapnet+":
            return dict(model)
        case "paper":
            return merge_settings({"selection": plain_values(asdict(paper_selection()))}, model)
    raise ValueError(f"train: method: expected 'sapnet+' or 'paper', found {method!r}")
