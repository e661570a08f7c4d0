"""Networks of the demo, and how they are trained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sapnet.batches.config import AugmentConfig
from sapnet.network.config import ModelConfig
from sapnet.recipes.load import load_recipe
from sapnet.segmentation.config import PUBLISHED_SIDE, PredictConfig, SOLOv2Config
from sapnet.segmentation.fitting import scaled_grids, scaled_ranges
from sapnet.selection.config import NegativesConfig, PositivesConfig, SelectionConfig
from sapnet.system.from_json import dataclass_from_json
from sapnet.training.config import OptimizerConfig, TrainConfig

if TYPE_CHECKING:
    from sapnet.demo.config import DemoConfig

PHOTOGRAPH_RECIPE = "small_images_cpu"
"""Recipe of the network for real images."""


def demo_model(size: int) -> ModelConfig:
    """Return a network small enough for a CPU: half a million backbone parameters.

    It starts from random weights. Grids and scale ranges are those of SOLOv2 for images of 800 px,
    scaled to `size`. They are not fitted to the data, so that all runs of the demo compare.

    Args:
        size: side of the images, pixels.
    """
    return ModelConfig(
        backbone="test_resnet",
        weights="none",
        fpn_channels=64,
        augment=AugmentConfig(short_sides=(size,), max_long_side=2 * size),
        # Few jittered and negative boxes: pooling boxes is most of a step at this size.
        selection=SelectionConfig(
            hidden_channels=256,
            sampling_ratio=2,
            positives=PositivesConfig(lone=(0.05, 0.1, 0.15), crowded=(0.05, 0.1, -0.03)),
            negatives=NegativesConfig(num_random=16),
        ),
        segmentation=SOLOv2Config(
            num_grids=scaled_grids(0.5),
            scale_ranges=scaled_ranges(size / PUBLISHED_SIDE),
            stacked_convs=2,
            channels=64,
            mask_branch_channels=64,
            mask_feature_channels=64,
            predict=PredictConfig(pre_nms=200),
        ),
    )


def demo_training(cfg: DemoConfig, epochs: int) -> TrainConfig:
    """Return the settings that train `demo_model`.

    Args:
        cfg: batch size, workers, seed and device.
        epochs: passes over the images.
    """
    return TrainConfig(
        epochs=epochs,
        batch_size=cfg.batch_size,
        workers=cfg.workers,
        seed=cfg.seed,
        device=cfg.device,
        optimizer=OptimizerConfig(
            name="adamw", lr=1e-3, lr_batch=8, schedule="cosine", warmup_iterations=100
        ),
    )


def photograph_model() -> ModelConfig:
    """Return the network of the recipe for real images on a CPU."""
    return dataclass_from_json(load_recipe(PHOTOGRAPH_RECIPE)["model"], ModelConfig)


def photograph_training(cfg: DemoConfig) -> TrainConfig:
    """Return the settings that train `photograph_model`: the recipe's, for the demo's epochs."""
    recipe = load_recipe(PHOTOGRAPH_RECIPE)
    settings = {name: recipe[name] for name in ("batch_size", "optimizer")}
    return replace(
        dataclass_from_json(settings, TrainConfig),
        epochs=cfg.nuclei_epochs,
        workers=cfg.workers,
        seed=cfg.seed,
        device=cfg.device,
    )
