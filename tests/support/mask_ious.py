"""IoUs of masks and the masks that another tool reads from our export."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass
class MaskIous:
    """Collection of IoUs; prints its mean and worst, the figures of docs/formats.md."""

    values: list[float] = field(default_factory=list)

    def add(self, truth: Iterable[np.ndarray], read: Iterable[np.ndarray]) -> None:
        """Compare masks (H, W) in pairs."""
        for first, second in zip(truth, read, strict=True):
            both = np.asarray(first, bool), np.asarray(second, bool)
            self.values.append(float((both[0] & both[1]).sum() / (both[0] | both[1]).sum()))

    @property
    def mean(self) -> float:
        """The mean IoU."""
        return float(np.mean(self.values))

    def show(self, name: str) -> None:
        """Print the figures."""
        worst = min(self.values)
        figures = f"{len(self.values)} masks, mean {self.mean:.4f}, worst {worst:.4f}"
        sys.stdout.write(f"\n{name}: {figures}\n")
