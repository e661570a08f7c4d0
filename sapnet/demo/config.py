"""Settings of the demo. Imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PartName = Literal["simulated", "regions", "nuclei"]


@dataclass(frozen=True)
class DemoConfig:
    """Settings of the demo: all steps on synthetic images and on microscope images.

    The defaults take at most 15 minutes on two cores without a GPU.

    Attributes:
        out: folder for everything that the demo writes.
        parts: what is run. "simulated" and "regions" are proposers for synthetic images, with
            networks from scratch; "nuclei" is the proposer `click` on real images that ship with
            sapnet, with the network of the recipe small_images_cpu.
        seed: seed of the images, the clicks, the proposals and the training.
        train_images: images with clicks for the simulated proposer.
        region_images: number of these images that the regions proposer gets.
        test_images: number of held-out images.
        size: side of the images, pixels.
        epochs: training epochs with the simulated proposer.
        region_epochs: training epochs with the regions proposer.
        nuclei_epochs: training epochs on the nuclei.
        batch_size: images per training step.
        workers: processes that draw, propose and load images.
        device: "auto", "cpu", "cuda" or "mps".
    """

    out: Path = Path("runs/demo")
    parts: tuple[PartName, ...] = ("simulated", "regions", "nuclei")
    seed: int = 0
    train_images: int = 1600
    region_images: int = 300
    test_images: int = 200
    size: int = 160
    epochs: int = 3
    region_epochs: int = 5
    nuclei_epochs: int = 10
    batch_size: int = 8
    workers: int = 2
    device: str = "auto"

    def __post_init__(self) -> None:
        numbers = ("train_images", "region_images", "test_images")
        for name in (*numbers, "epochs", "region_epochs", "nuclei_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")
        if not self.parts:
            raise ValueError("parts: expected at least one of simulated, regions, nuclei")
        if self.region_images > self.train_images:
            raise ValueError(
                f"region_images: expected at most train_images = {self.train_images}, "
                f"found {self.region_images}"
            )
