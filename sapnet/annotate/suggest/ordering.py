"""The image where a correction teaches most: doubtful, and unlike those corrected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

MOST_DOUBTS = 3
"""Instances of an image that count: its most doubtful ones, so that crowds do not come first."""

UNSEEN_DOUBT = 0.5
"""Doubt of an image on which nothing is seen: it may be empty, or full of what is not known."""


def image_doubt(scores: Sequence[float]) -> float:
    """Compute how unsure a segmenter is about an image.

    An instance is doubtful if its score is near 0.5: its doubt is twice the distance of the score
    from 0 or 1, whichever is nearer.

    Args:
        scores: of the instances, in [0, 1].

    Returns:
        The mean of the `MOST_DOUBTS` largest doubts, in [0, 1]; `UNSEEN_DOUBT` without instances.
    """
    if not len(scores):
        return UNSEEN_DOUBT
    doubts = 2 * np.minimum(scores, 1 - np.asarray(scores, np.float64))
    return float(np.sort(doubts)[-MOST_DOUBTS:].mean())


class Spread:
    """Distances of images from the nearest one that is taken, as images are taken one by one.

    Args:
        vectors: (N, D) descriptions of unit length.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self._vectors = vectors
        self._distances = np.ones(len(vectors))
        self._taken: set[int] = set()

    def distances(self, taken: set[int]) -> np.ndarray:
        """Return (N,) cosine distances in [0, 1] from the nearest taken image; 1 without one."""
        if not self._taken <= taken:
            self._taken, self._distances = set(), np.ones(len(self._vectors))
        for index in sorted(taken - self._taken):
            near = np.clip(1 - self._vectors @ self._vectors[index], 0, 1)
            self._distances = np.minimum(self._distances, near)
        self._taken = set(taken)
        return self._distances


def spread_order(count: int) -> Iterator[int]:
    """Yield 0 to count - 1 so that any beginning is spread over all: 0, 1/2, 1/4, 3/4, ..."""
    bits = max(count - 1, 0).bit_length()
    for number in range(1 << bits):
        place = int(format(number, f"0{bits}b")[::-1], 2) if bits else 0
        if place < count:
            yield place
