"""A tiny synthetic data set on disk with clicks and simulated proposals, made once per session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# As the command line does: two cores of which one is busy make spinning threads ten times slower.
# It counts only until torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from sapnet.batches.config import AugmentConfig
from sapnet.network.config import ModelConfig
from sapnet.segmentation.config import PredictConfig, SOLOv2Config
from sapnet.selection.config import NegativesConfig, SelectionConfig
from sapnet.training.config import OptimizerConfig, TrainConfig


@dataclass(frozen=True)
class TinySet:
    """Files of the tiny data set."""

    images: Path
    truth: Path
    parts: Path
    clicks: Path
    store: Path
    num_images: int


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory) -> TinySet:
    """8 images of 96 px, one of them at least without objects, clicks and simulated proposals."""
    from sapnet.data.clicks import load_clicks, save_clicks
    from sapnet.data.coco import load_instances
    from sapnet.data.sampling import sample_clicks
    from sapnet.data.synthetic.config import SyntheticConfig
    from sapnet.data.synthetic.writing import write_synthetic
    from sapnet.proposals.build import build_proposer
    from sapnet.proposals.config import ProposeConfig, RunConfig
    from sapnet.proposals.propose import propose_dataset

    folder = tmp_path_factory.mktemp("tiny")
    data = SyntheticConfig(
        num_images=8, size=96, num_classes=3, objects=(1, 3), object_size=(0.2, 0.6), empty=0.25
    )
    paths = write_synthetic(folder / "data", data)
    clicks, store = folder / "clicks.json", folder / "store"
    save_clicks(clicks, sample_clicks(load_instances(paths.truth), "quasi-center", 0))
    settings = ProposeConfig(paths.images, clicks, store, proposer="simulated", file=paths.parts)
    loaded = load_clicks(clicks)
    proposer = build_proposer(settings, loaded)
    propose_dataset(paths.images, loaded, store, proposer, RunConfig(workers=1))
    return TinySet(paths.images, paths.truth, paths.parts, clicks, store, data.num_images)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client, and a hub that fails the test if it is asked."""
    from huggingface_hub import HfApi, constants

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(HfApi, "model_info", asked)
    return cache


@pytest.fixture(scope="session")
def click_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights of the click segmenter."""
    import torch

    from sapnet.proposals.click.decoder import Decoder
    from sapnet.proposals.click.encoder import build_encoder
    from sapnet.proposals.click.network import ClickNetwork
    from sapnet.proposals.click.weights import save_weights

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("click") / "click.safetensors"
    return save_weights(path, ClickNetwork(build_encoder(), Decoder()), {})


@pytest.fixture(scope="session")
def tiny_model() -> ModelConfig:
    """A network of a few hundred thousand parameters for images of 64 px."""
    return make_tiny_model()


@pytest.fixture(scope="session")
def tiny_training() -> TrainConfig:
    """Two epochs of batches of 4 on the CPU."""
    return TrainConfig(
        epochs=2,
        batch_size=4,
        workers=0,
        device="cpu",
        log_every=1,
        optimizer=OptimizerConfig(name="adamw", lr=1e-3, lr_batch=4, warmup_iterations=1),
    )


def make_tiny_model(short_sides: Sequence[int] = (64,)) -> ModelConfig:
    return ModelConfig(
        backbone="test_resnet",
        weights="none",
        fpn_channels=16,
        augment=AugmentConfig(short_sides=tuple(short_sides), max_long_side=128),
        selection=SelectionConfig(hidden_channels=32, negatives=NegativesConfig(num_random=20)),
        segmentation=SOLOv2Config(
            num_grids=(8, 6, 4, 3, 2),
            scale_ranges=((1, 12), (6, 24), (12, 48), (24, 96), (48, 256)),
            stacked_convs=1,
            channels=16,
            mask_branch_channels=16,
            mask_feature_channels=16,
            norm_groups=8,
            predict=PredictConfig(score_threshold=0.001, filter_threshold=0.0, max_instances=10),
        ),
    )
