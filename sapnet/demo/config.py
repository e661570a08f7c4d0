"""Settings of the demo. Imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PartName = Literal["simulated", "nuclei"]


@dataclass(frozen=True)
class DemoConfig:
    """Settings of the demo: all steps on synthetic images and on microscope images.

    The defaults take at most 15 minutes on two cores without a GPU.

    Attributes:
        out: folder for everything that the demo writes.
        parts: what is run. "simulated" is that proposer on synthetic images, with a network from
            scratch; "nuclei" is the proposer `click` on real images that ship with sapnet, with the
            network of the recipe small_images_cpu.
        seed: seed of the images, the clicks, the proposals and the training.
        train_images: clicked synthetic images.
        test_images: held-out synthetic images.
        size: side of the synthetic images, pixels.
        epochs: training epochs on the synthetic images.
        nuclei_epochs: training epochs on the nuclei.
        batch_size: synthetic images per training step.
        workers: processes that draw, propose and load images.
        device: "auto", "cpu", "cuda" or "mps".
    """

    out: Path = Path("runs/demo")
    parts: tuple[PartName, ...] = ("simulated", "nuclei")
    seed: int = 0
    train_images: int = 1000
    test_images: int = 200
    size: int = 160
    epochs: int = 3
    nuclei_epochs: int = 24
    batch_size: int = 8
    workers: int = 2
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("train_images", "test_images", "epochs", "nuclei_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, found {getattr(self, name)}")
        if not self.parts:
            raise ValueError("parts: expected simulated, nuclei or both, found none")
