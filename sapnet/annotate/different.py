"""Few and different candidates: what differs little is left out, sizes are mixed."""

from __future__ import annotations

import numpy as np

from sapnet.geometry.rle import rle_areas, rle_iou
from sapnet.structures.proposals import Proposals

MOST_ALIKE = 0.85
"""IoU from which two candidates are one choice."""

SIZE_STEP = 2.0
"""Ratio of areas from which two candidates are of different sizes: a part, the whole, a group."""


MOST_OFFERED = 4
"""Candidates that one glance judges; the others come when they are asked for."""


def all_of(proposals: Proposals) -> list[int]:
    """Return the places of all candidates: first those to offer, then the others by score."""
    few = few_and_different(proposals)
    return [*few, *(k for k in _by_score(proposals) if k not in few)]


def few_and_different(proposals: Proposals) -> list[int]:
    """Choose the candidates to offer: the best of each size first, no two of them alike.

    Args:
        proposals: the candidates of an object.

    Returns:
        Places of those to offer, at most `MOST_OFFERED`. The first one has the best score. The
        best of each size follow, then the others, each group by score.
    """
    if not len(proposals):
        return []
    overlaps = rle_iou(list(proposals.rles), list(proposals.rles))
    kept: list[int] = []
    for k in _by_score(proposals):
        if all(overlaps[k, other] <= MOST_ALIKE for other in kept):
            kept.append(k)
    areas = rle_areas(proposals.rles)
    first: list[int] = []
    for k in kept:
        ratios = [max(areas[k], areas[o]) / max(min(areas[k], areas[o]), 1) for o in first]
        if all(ratio >= SIZE_STEP for ratio in ratios):
            first.append(k)
    return [*first, *(k for k in kept if k not in first)][:MOST_OFFERED]


def _by_score(proposals: Proposals) -> list[int]:
    return [int(k) for k in np.argsort(-proposals.scores, kind="stable")]
