"""Parts of the demo: images, clicks, proposer, network and training of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.demo.networks import (
    demo_model,
    demo_training,
    photograph_model,
    photograph_training,
)
from sapnet.structures.clicks import ClickSet

if TYPE_CHECKING:
    from sapnet.demo.config import DemoConfig, PartName
    from sapnet.network.config import ModelConfig
    from sapnet.proposals.config import ProposerName
    from sapnet.training.config import TrainConfig

NUCLEI = Path(__file__).parent / "nuclei"
"""Microscope images that ship with the package; origin and licence: its README.md."""


@dataclass(frozen=True)
class Images:
    """Images and their ground truth.

    Attributes:
        images: folder of the images.
        truth: COCO instance json.
    """

    images: Path
    truth: Path


@dataclass(frozen=True)
class DemoPart:
    """One run through all steps.

    Attributes:
        name: key of its figures, and its folder.
        proposer: of the candidate masks.
        train: clicked images.
        test: held-out images.
        clicks: file of the clicks.
        model: the network.
        training: length and optimizer.
    """

    name: PartName
    proposer: ProposerName
    train: Images
    test: Images
    clicks: Path
    model: ModelConfig
    training: TrainConfig


def prepare_parts(cfg: DemoConfig) -> list[DemoPart]:
    """Draw the synthetic images, draw clicks, and return the parts that are wanted."""
    parts: list[DemoPart] = []
    if wanted := [name for name in cfg.parts if name != "nuclei"]:
        synthetic = _synthetic(cfg)
        parts += [_on_synthetic(name, cfg, synthetic) for name in wanted]
    if "nuclei" in cfg.parts:
        parts.append(_nuclei(cfg))
    return parts


def _synthetic(cfg: DemoConfig) -> tuple[Images, Images]:
    """Draw the clicked and the held-out images."""
    data = cfg.out / "data"
    train_cfg = SyntheticConfig(num_images=cfg.train_images, size=cfg.size, seed=2 * cfg.seed)
    test_cfg = replace(train_cfg, num_images=cfg.test_images, seed=2 * cfg.seed + 1)
    train = write_synthetic(data / "train", train_cfg, cfg.workers)
    test = write_synthetic(data / "test", test_cfg, cfg.workers)
    return Images(train.images, train.truth), Images(test.images, test.truth)


def _on_synthetic(name: PartName, cfg: DemoConfig, sets: tuple[Images, Images]) -> DemoPart:
    """Return the part of a proposer on the synthetic images; `regions` gets the first of them."""
    train, test = sets
    clicks = sample_clicks(load_instances(train.truth), "quasi-center", cfg.seed)
    proposer: ProposerName = "simulated"
    epochs = cfg.epochs
    if name == "regions":
        proposer, epochs = "regions", cfg.region_epochs
        clicks = _first_images(clicks, cfg.region_images)
    path = save_clicks(cfg.out / name / "clicks.json", clicks)
    training = demo_training(cfg, epochs)
    return DemoPart(name, proposer, train, test, path, demo_model(cfg.size), training)


def _nuclei(cfg: DemoConfig) -> DemoPart:
    """Return the part on real images: clicks on nuclei, and the embedded click segmenter."""
    train, test = (
        Images(NUCLEI / "images" / split, NUCLEI / f"instances_{split}.json")
        for split in ("train", "val")
    )
    clicks = sample_clicks(load_instances(train.truth), "quasi-center", cfg.seed)
    path = save_clicks(cfg.out / "nuclei" / "clicks.json", clicks)
    return DemoPart(
        "nuclei", "click", train, test, path, photograph_model(), photograph_training(cfg)
    )


def _first_images(clicks: ClickSet, count: int) -> ClickSet:
    """Return the first images of a data set with their clicks."""
    images = clicks.images[:count]
    ids = {image.image_id for image in images}
    return ClickSet(images, clicks.categories, tuple(c for c in clicks.clicks if c.image_id in ids))
