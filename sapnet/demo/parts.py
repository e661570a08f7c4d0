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
    makers = {"simulated": _synthetic, "nuclei": _nuclei}
    return [makers[name](cfg) for name in cfg.parts]


def _synthetic(cfg: DemoConfig) -> DemoPart:
    """Return the part on synthetic images: objects made of parts, and simulated proposals."""
    data = cfg.out / "data"
    train_cfg = SyntheticConfig(num_images=cfg.train_images, size=cfg.size, seed=2 * cfg.seed)
    test_cfg = replace(train_cfg, num_images=cfg.test_images, seed=2 * cfg.seed + 1)
    train = write_synthetic(data / "train", train_cfg, cfg.workers)
    test = write_synthetic(data / "test", test_cfg, cfg.workers)
    return DemoPart(
        "simulated",
        "simulated",
        Images(train.images, train.truth),
        Images(test.images, test.truth),
        _draw_clicks(data / "train" / "clicks.json", train.truth, cfg.seed),
        demo_model(cfg.size),
        demo_training(cfg, cfg.epochs),
    )


def _nuclei(cfg: DemoConfig) -> DemoPart:
    """Return the part on real images: clicks on nuclei, and the embedded click segmenter."""
    train, test = (
        Images(NUCLEI / "images" / split, NUCLEI / f"instances_{split}.json")
        for split in ("train", "val")
    )
    clicks = _draw_clicks(cfg.out / "nuclei" / "clicks.json", train.truth, cfg.seed)
    return DemoPart(
        "nuclei", "click", train, test, clicks, photograph_model(), photograph_training(cfg)
    )


def _draw_clicks(path: Path, truth: Path, seed: int) -> Path:
    """Draw a click for each object and write the file."""
    return save_clicks(path, sample_clicks(load_instances(truth), "quasi-center", seed))
