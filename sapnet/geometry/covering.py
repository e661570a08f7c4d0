"""Shares of masks that other masks cover, from run lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapnet.geometry.rle import rle_areas, rles_hold_points
from sapnet.structures.clicks import RLE

MAX_COVERED = 0.3
"""Largest share of an instance that labels may cover; more makes it a part of what was clicked."""


def covered_shares(masks: Sequence[RLE], others: Sequence[RLE]) -> np.ndarray:
    """Compute which share of each mask each other mask covers.

    Args:
        masks: A run lengths of one size, none of them empty.
        others: B run lengths of the same size.

    Returns:
        (A, B) float64 in [0, 1]: the intersection over the area of the first.
    """
    from faster_coco_eval.core import mask as mask_api

    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    # For crowds, COCO divides by the area of the first mask instead of by that of the union.
    shares = mask_api.iou(list(masks), list(others), [1] * len(others))
    return np.asarray(shares, np.float64).reshape(len(masks), len(others))


def unexplained(
    seen: Sequence[RLE], points: Sequence[tuple[float, float]], masks: Sequence[RLE]
) -> list[int]:
    """Return which instances no click and no mask of an image explains; those of no object.

    An instance that holds a click of any object is that object, or a group of it. One that masks
    cover largely is a part.

    Args:
        seen: masks of instances, the best first. Later ones that earlier ones cover are left out.
        points: (x, y) of the clicks.
        masks: of the objects that have one.

    Returns:
        Positions in `seen`, ascending.
    """
    holds = rles_hold_points(seen, np.asarray(points, np.float64).reshape(-1, 2))
    clicked: np.ndarray = np.asarray(holds.any(axis=1))
    is_empty = rle_areas(seen) == 0
    kept: list[int] = []
    taken = list(masks)
    for place, rle in enumerate(seen):
        if is_empty[place] or clicked[place]:
            continue
        if covered_shares([rle], taken).max(initial=0) <= MAX_COVERED:
            kept.append(place)
            taken.append(rle)
    return kept
