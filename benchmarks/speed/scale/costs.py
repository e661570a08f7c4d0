"""Unit costs, collected as samples of processor seconds or bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Costs:
    """Samples of unit costs by name."""

    def __init__(self) -> None:
        self.samples: dict[str, list[float]] = {}

    @contextmanager
    def cpu(self, name: str, count: int) -> Iterator[None]:
        """Add a sample: processor seconds spent inside, per unit."""
        start = time.process_time()
        yield
        self.samples.setdefault(name, []).append((time.process_time() - start) / count)

    def add(self, name: str, value: float) -> None:
        """Add a sample measured elsewhere."""
        self.samples.setdefault(name, []).append(value)

    def summary(self) -> dict[str, float]:
        """Return the median of each cost."""
        return {name: float(np.median(values)) for name, values in self.samples.items()}
