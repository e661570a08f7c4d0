"""Pairs of regions of a label map that touch each other."""

from __future__ import annotations

import numpy as np


def touching_pairs(label_map: np.ndarray, min_contacts: int = 3) -> list[tuple[int, int]]:
    """Return the pairs of regions that touch each other.

    Args:
        label_map: (H, W) integers, 0 for no region.
        min_contacts: smallest number of pairs of adjacent pixels (8-neighborhood) that counts as
            touching.

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
