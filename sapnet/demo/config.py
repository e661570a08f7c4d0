"""Settings of the demo. Imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoConfig:
    """Settings of the demo, which runs all steps on synthetic images for two proposers.

    The defaults take at most 15 minutes on two cores without a GPU.

    Attributes:
        out: folder for everything that the demo writes.
        seed: seed of the images, the clicks, the proposals and the training.
        train_images: images with clicks for the simulated proposer.
        click_images: number of these images that the click segmenter gets.
        test_images: number of held-out images.
        size: side of the images, pixels.
        epochs: training epochs with the simulated proposer.
        click_epochs: training epochs with the click segmenter.
        batch_size: images per training step.
        workers: processes that draw, propose and load images.
        device: "auto", "cpu", "cuda" or "mps".
    """

    out: Path = Path("runs/demo")
    seed: int = 0
    train_images: int = 1600
    click_images: int = 300
    test_images: int = 200
    size: int = 160
    epochs: int = 3
    click_epochs: int = 5
    batch_size: int = 8
    workers: int = 2
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("train_images", "click_images", "test_images", "epochs", "click_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")
        if self.click_images > self.train_images:
            raise ValueError(
                f"click_images: expected at most train_images = {self.train_images}, "
                f"found {self.click_images}"
            )
