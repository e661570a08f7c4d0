"""The plan of a run: its steps' settings, complete, and where everything lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.batches.config import AugmentConfig
from sapnet.network.config import ModelConfig
from sapnet.proposals.config import ProposeConfig
from sapnet.recipes.load import load_recipe, merge_settings, with_method
from sapnet.system.from_json import dataclass_from_json
from sapnet.training.config import TrainConfig

if TYPE_CHECKING:
    from sapnet.pipeline.config import PipelineConfig, PipelineInputs

STORE, LABELS, PREDICTIONS = "proposals", "labels.json", "predictions"
METRICS, MISSED, REPORT = "metrics.json", "missed.json", "report.html"
"""Names in the run folder, beside those of the training."""

SHARD_IMAGES = 16
"""Images per shard of the store: a kill loses the proposals of so many images at most."""

CHECKPOINT_MINUTES = 2.0
"""Most minutes of training that a kill loses."""


@dataclass(frozen=True)
class Plan:
    """Complete settings of all steps.

    Attributes:
        proposals: settings of `sapnet propose`.
        out: the run folder.
        model: the network.
        training: its training.
        held_out: folder of the images to predict at the end, or their files; empty without any.
        truth: true instances of the clicked images, if known.
        val_truth: true instances of the held-out images, if known.
        start_run: run whose network the training begins with; None to train anew.
        corrections: decisions of a review, if any.
    """

    proposals: ProposeConfig
    out: Path
    model: ModelConfig
    training: TrainConfig
    held_out: tuple[Path, ...] = ()
    truth: Path | None = None
    val_truth: Path | None = None
    start_run: Path | None = None
    corrections: Path | None = None

    @property
    def images(self) -> Path:
        """Folder of the clicked images."""
        return Path(self.proposals.images)

    @property
    def store(self) -> Path:
        """Folder of the proposals."""
        return Path(self.proposals.out)

    @property
    def labels(self) -> Path:
        """File of the labels."""
        return self.out / LABELS

    @property
    def predictions(self) -> Path:
        """Folder of the predictions."""
        return self.out / PREDICTIONS

    @property
    def metrics(self) -> Path:
        """File of the figures, where truth is known."""
        return self.out / METRICS

    @property
    def report(self) -> Path:
        """The report."""
        return self.out / REPORT


def make_plan(inputs: PipelineInputs, cfg: PipelineConfig, held_out: tuple[Path, ...]) -> Plan:
    """Make the plan of a run from settings with nothing left open.

    Args:
        inputs: files.
        cfg: complete settings.
        held_out: folder of the images to predict at the end, or their files.

    Raises:
        ValueError: the recipe is missing, or has a key that training does not know.
    """
    recipe = {} if cfg.recipe is None else with_method(load_recipe(cfg.recipe))
    model = dataclass_from_json(_model_settings(recipe.pop("model", {}), cfg), ModelConfig)
    return Plan(
        proposals=ProposeConfig(
            str(inputs.images),
            str(inputs.clicks),
            str(inputs.out / STORE),
            proposer=cfg.proposer,
            checkpoint=cfg.checkpoint,
            adapt=cfg.adapt,
            file=cfg.file,
            device=cfg.device,
            unmarked=cfg.unmarked,
            workers=cfg.workers,
            shard_images=SHARD_IMAGES,
            skip_errors=cfg.skip_errors,
            bits=cfg.bits,
            max_pixels=cfg.max_pixels,
            tile=cfg.tile,
            overlap=cfg.overlap,
            bands=cfg.bands,
        ),
        out=inputs.out,
        model=model,
        training=_training(recipe, cfg),
        held_out=held_out,
        truth=inputs.truth,
        val_truth=inputs.val_truth,
    )


def _model_settings(model: dict[str, Any], cfg: PipelineConfig) -> dict[str, Any]:
    """Return the settings of the network with the sizes of the run."""
    if cfg.short_sides is None:
        return model
    sides = sorted(cfg.short_sides)
    usual = replace(AugmentConfig(), **_tuples(model.get("augment", {})))
    # The longest side keeps its relation to the largest short side.
    long_side = round(usual.max_long_side * sides[-1] / max(usual.short_sides))
    return merge_settings(
        model, {"augment": {"short_sides": list(sides), "max_long_side": long_side}}
    )


def _training(recipe: dict[str, Any], cfg: PipelineConfig) -> TrainConfig:
    given = {
        "epochs": cfg.epochs,
        "batch_size": cfg.batch_size,
        "max_objects": cfg.max_objects,
        "workers": cfg.workers,
        "bits": cfg.bits,
        "max_pixels": cfg.max_pixels,
    }
    values = merge_settings(
        asdict(TrainConfig(checkpoint_minutes=CHECKPOINT_MINUTES)),
        {key: value for key, value in recipe.items() if key not in ("val", "images", "out")},
    )
    values |= {name: value for name, value in given.items() if value is not None}
    values |= {"seed": cfg.seed, "device": cfg.device}
    return dataclass_from_json(values, TrainConfig)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
