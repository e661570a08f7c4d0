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
    base = int(label_map.max(initial=0)) + 1
    codes = []
    for first, second in (
        (label_map[:, 1:], label_map[:, :-1]),
        (label_map[1:], label_map[:-1]),
        (label_map[1:, 1:], label_map[:-1, :-1]),
        (label_map[1:, :-1], label_map[:-1, 1:]),
    ):
        contact = (first != second) & (first > 0) & (second > 0)
        a, b = first[contact].astype(np.int64), second[contact].astype(np.int64)
        codes.append(np.minimum(a, b) * base + np.maximum(a, b))
    found, counts = np.unique(np.concatenate(codes), return_counts=True)
    return [divmod(code, base) for code in found[counts >= min_contacts].tolist()]
