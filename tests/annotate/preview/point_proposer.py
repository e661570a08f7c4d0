"""A proposer whose candidate is the clicked pixel."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals


class PointProposer:
    """One mask per click: its pixel. Keeps what it was given, and can be slow."""

    name = "points"
    settings: dict[str, Any] = {}  # noqa: RUF012  # as the protocol has it

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.prepared: list[tuple[int, ...]] = []
        self.images: list[np.ndarray] = []
        self.asked: list[tuple[float, float]] = []
        self.clicks: list[tuple[Click, ...]] = []

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        return self.propose_prepared(self.prepare(image), clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> tuple[int, ...]:
        self.prepared.append(image.shape)
        self.images.append(image)
        return image.shape

    def propose_prepared(
        self, prepared: tuple[int, ...], clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        time.sleep(self.seconds)
        found = []
        self.clicks.append(tuple(clicks))
        for index in indices:
            x, y = clicks[index].point
            self.asked.append((x, y))
            mask = np.zeros((1, *prepared[:2]), np.uint8)
            mask[0, int(y), int(x)] = 1
            rles = encode_masks(mask)
            found.append(Proposals(rles, rle_boxes(rles), np.ones(1, np.float32), ("point",)))
        return found


def clicks(*points: tuple[float, float]) -> tuple[Click, ...]:
    return tuple(Click(n + 1, 1, 1, (point,)) for n, point in enumerate(points))
