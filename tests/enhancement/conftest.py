"""A network of the enhancer small enough for a test, and clicks to train it on."""

from __future__ import annotations

import pytest

from sapnet.batches.config import AugmentConfig
from sapnet.enhancement.config import AnchorsConfig, EnhanceConfig, EnhancerConfig, JitterConfig
from sapnet.selection.config import NegativesConfig
from sapnet.training.config import OptimizerConfig


@pytest.fixture(scope="session")
def tiny_enhancer() -> EnhancerConfig:
    """For images of 64 px, 9 anchors and 20 jittered boxes a click."""
    return EnhancerConfig(
        backbone="test_resnet",
        weights="none",
        fpn_channels=16,
        augment=AugmentConfig(short_sides=(64,), max_long_side=128),
        anchors=AnchorsConfig(sides=(0.2, 0.4, 0.8), ratios=(0.5, 1.0, 2.0)),
        jitter=JitterConfig(factors=(0.8, 1.2)),
        negatives=NegativesConfig(num_random=20, num_parts=2, min_part_side=0.0),
        hidden_channels=32,
        top_k=2,
    )


@pytest.fixture(scope="session")
def tiny_enhancing() -> EnhanceConfig:
    """Two epochs of batches of 2 on the CPU."""
    return EnhanceConfig(
        epochs=2,
        batch_size=2,
        workers=0,
        device="cpu",
        optimizer=OptimizerConfig(name="adamw", lr=1e-3, lr_batch=2, warmup_iterations=1),
    )
