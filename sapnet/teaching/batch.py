"""Batches of training windows, drawn without end."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sapnet.proposals.click.prompts import Prompts
from sapnet.system.files import write_bytes_atomic
from sapnet.teaching.config import ViewConfig
from sapnet.teaching.pool import MarkedImage, ObjectPool
from sapnet.teaching.views import View, make_view


@dataclass(frozen=True)
class Photographs:
    """Marked objects, and the folder where decoded photographs are kept.

    Attributes:
        pool: of objects.
        cache: folder of decoded photographs, filled on the way: a training reads each of them
            dozens of times, and decoding takes a quarter of a small window's step.
        load: reads a file of a bit depth as (H, W, 3) uint8 RGB, such as `load_image`.
    """

    pool: ObjectPool
    cache: Path
    load: Callable[[Path, int | None], np.ndarray]

    def pixels(self, marked: MarkedImage) -> np.ndarray:
        """(H, W, 3) uint8 RGB of a photograph."""
        kept = self.cache / (hashlib.sha256(str(marked.path).encode()).hexdigest()[:24] + ".npy")
        if not kept.is_file():
            content = io.BytesIO()
            np.save(content, self.load(marked.path, marked.bits))
            write_bytes_atomic(kept, content.getvalue())
        pixels: np.ndarray = np.load(kept, mmap_mode="r")
        return pixels


@dataclass(frozen=True)
class TeachBatch:
    """B windows and N = 2 B clicks, two in each.

    Attributes:
        windows: (B, S, S, 3) uint8 RGB.
        log_sides: (B,) float32.
        prompts: N prompts of one click.
        targets: (N, s, s) float32 coverage in [0, 1] of the cells.
        outside: (N,) float32 area of the object beyond the window, in areas of the window.
    """

    windows: Tensor
    log_sides: Tensor
    prompts: Prompts
    targets: Tensor
    outside: Tensor

    def to(self, device: torch.device) -> TeachBatch:
        """The same on a device."""
        return TeachBatch(
            windows=self.windows.to(device),
            log_sides=self.log_sides.to(device),
            prompts=self.prompts.to(device),
            targets=self.targets.to(device),
            outside=self.outside.to(device),
        )


def collate(views: list[View]) -> TeachBatch:
    """Put views together.

    Args:
        views: B views of one side.
    """
    asked = [entry for view in views for entry in view.asked]
    n = len(asked)
    points = torch.from_numpy(np.stack([entry.point for entry in asked])).float()
    prompts = Prompts(
        points=points[:, None],
        signs=torch.ones(n, 1),
        boxes=torch.zeros(n, 4),
        has_box=torch.zeros(n),
        window_index=torch.arange(n) // 2,
    )
    return TeachBatch(
        windows=torch.from_numpy(np.stack([view.pixels for view in views])),
        log_sides=torch.tensor([view.log_side for view in views]),
        prompts=prompts,
        targets=torch.from_numpy(np.stack([entry.target for entry in asked])),
        outside=torch.tensor([entry.outside for entry in asked]),
    )


def draw_batch(
    photographs: Photographs, shape: tuple[int, int], cfg: ViewConfig, rng: np.random.Generator
) -> TeachBatch:
    """Draw a batch.

    Args:
        photographs: what is drawn from.
        shape: number of windows, and their side in pixels.
        cfg: how windows are laid.
        rng: source of randomness.
    """
    count, side = shape
    return collate(list(_views(photographs, count, side, (cfg, rng))))


def _views(
    photographs: Photographs, count: int, side: int, how: tuple[ViewConfig, np.random.Generator]
) -> Iterator[View]:
    cfg, rng = how
    for _ in range(count):
        marked, index = photographs.pool.draw(rng)
        yield make_view((photographs.pixels(marked), marked, index), side, cfg, rng)
