"""Which regions of a label map touch each other."""

from __future__ import annotations

import numpy as np


def touching_pairs(label_map: np.ndarray, min_contacts: int = 3) -> list[tuple[int, int]]:
    """Pairs of regions that are neighbours.

    Args:
        label_map: (H, W) integers, 0 for no region.
        min_contacts: fewest pairs of neighbouring pixels (8-neighbourhood) that count as touching.

    Returns:
        Pairs (a, b), a < b, sorted.
    """
    low, high = [], []
    for first, second in (
        (label_map[:, 1:], label_map[:, :-1]),
        (label_map[1:], label_map[:-1]),
        (label_map[1:, 1:], label_map[:-1, :-1]),
        (label_map[1:, :-1], label_map[:-1, 1:]),
    ):
        contact = (first != second) & (first > 0) & (second > 0)
        low.append(np.minimum(first[contact], second[contact]))
        high.append(np.maximum(first[contact], second[contact]))
    pairs = np.stack([np.concatenate(low), np.concatenate(high)], axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    return [(int(a), int(b)) for a, b in found[counts >= min_contacts]]
