"""Sizes of the ladder: numbers of images, network and length of the training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.ladder.systems import System
from sapnet.batches.config import AugmentConfig
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.demo.networks import demo_model
from sapnet.network.config import ModelConfig
from sapnet.recipes.load import load_recipe
from sapnet.system.from_json import dataclass_from_json
from sapnet.training.config import OptimizerConfig, TrainConfig

ScaleName = Literal["tiny", "small", "full", "photographs"]
Split = Literal["test", "tuning"]

LADDER_SET = SyntheticConfig(
    size=320, num_classes=8, objects=(2, 10), object_size=(16 / 320, 200 / 320), touching=0.4
)
"""Objects of 16 to 200 px, two to ten in an image, 40 % beside another one of their class. These
settings were fixed before any system was trained on them."""

FIRST_SEED: dict[Split, int] = {"test": 2000, "tuning": 1000}
"""First seed of the images by split. Constants are chosen on the tuning split; results are those of
the test split."""


@dataclass(frozen=True)
class Scale:
    """Size of a ladder.

    Attributes:
        train_images: clicked images of each seed; 0 for all that there are.
        test_images: held-out images of each seed; 0 for all.
        model: settings of the network, with the default method's selection.
        train: settings of the training.
        segmented: systems whose segmenter is trained; None for all that have one.
        segmented_once: systems whose segmenter is trained with seed 0 alone.
    """

    train_images: int
    test_images: int
    model: ModelConfig
    train: TrainConfig
    segmented: tuple[str, ...] | None = None
    segmented_once: tuple[str, ...] = ()

    def has_segmenter(self, system: System, seed: int) -> bool:
        """Return True if a system's segmenter is trained with a seed."""
        if not system.segmenter or system.decides_on is not None:
            return False
        if system.name in self.segmented_once:
            return seed == 0
        return self.segmented is None or system.name in self.segmented


@dataclass(frozen=True)
class SeedImages:
    """Settings of the two synthetic sets of a seed."""

    train: SyntheticConfig
    test: SyntheticConfig


def ladder_scale(name: ScaleName, seed: int, device: str) -> Scale:
    """Return the size of a name.

    Args:
        name: "small" is for two cores without a GPU, "full" for a GPU, "tiny" for a test;
            "photographs" is the recipe small_images_cpu, for photographs on two cores.
        seed: seed of the training.
        device: "auto", "cpu", "cuda" or "mps".
    """
    from_scratch = OptimizerConfig(
        name="adamw", lr=1e-3, lr_batch=8, schedule="cosine", warmup_iterations=100
    )
    short = TrainConfig(
        epochs=3, batch_size=8, workers=0, seed=seed, device=device, optimizer=from_scratch
    )
    match name:
        case "tiny":
            return Scale(12, 4, demo_model(96), replace(short, epochs=1, batch_size=4))
        case "small":
            return Scale(
                1000,
                200,
                demo_model(224),
                short,
                segmented_once=("top1", "two_stage"),
            )
        case "full":
            model = ModelConfig(
                backbone="resnet50",
                weights="none",
                augment=AugmentConfig(short_sides=(640,), max_long_side=640),
                segmentation=demo_model(640).segmentation,
            )
            schedule = replace(from_scratch, lr=2e-4, lr_batch=16, warmup_iterations=500)
            long = replace(short, epochs=12, batch_size=16, workers=8, optimizer=schedule)
            return Scale(20_000, 2_000, model, long)
        case "photographs":
            return _photographs(short)


def _photographs(short: TrainConfig) -> Scale:
    """Return the recipe for a CPU; segmenters only where the labels depend on them."""
    recipe = load_recipe("small_images_cpu")
    training = {name: recipe[name] for name in ("epochs", "batch_size", "optimizer")}
    cfg = dataclass_from_json(training, TrainConfig)
    return Scale(
        0,
        0,
        dataclass_from_json(recipe["model"], ModelConfig),
        replace(cfg, workers=0, seed=short.seed, device=short.device),
        ("ours",),
    )


def seed_images(scale: Scale, seed: int, split: Split) -> SeedImages:
    """Return the settings of a seed's images; no two seeds or splits share an image."""
    first = FIRST_SEED[split] + 2 * seed
    return SeedImages(
        replace(LADDER_SET, num_images=scale.train_images, seed=first),
        replace(LADDER_SET, num_images=scale.test_images, seed=first + 1),
    )
