"""Shares of masks that other masks cover, from run lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sapnet.structures.clicks import RLE


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
