"""Mask IoU against ground truth, and its mean by object size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import rle_iou

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE

SMALL_AREA = 32**2
"""Objects under this many pixels are small (COCO's evaluation)."""

LARGE_AREA = 96**2
"""Objects from this many pixels on are large (COCO's evaluation)."""


def ious_with_truth(rles: Sequence[RLE], gt_rle: RLE, name: str) -> np.ndarray:
    """Compute the IoU of several masks with one ground-truth mask.

    Args:
        rles: K masks.
        gt_rle: the ground truth.
        name: name of the masks, for the message.

    Returns:
        (K,) float64 in [0, 1].

    Raises:
        ValueError: if a mask has another size than the ground truth.
    """
    for rle in rles:
        if list(rle["size"]) != list(gt_rle["size"]):
            raise ValueError(
                f"{name}: its mask has size {rle['size']} (height, width), the ground truth "
                f"{gt_rle['size']}; evaluate files made from the same images"
            )
    return rle_iou(rles, [gt_rle])[:, 0]


def mean_iou_by_size(ious: np.ndarray, areas: np.ndarray, name: str) -> dict[str, float]:
    """Compute the mean over all objects and over each size group.

    Args:
        ious: (N,) in [0, 1].
        areas: (N,) pixels of the ground-truth masks.
        name: key of the mean over all objects.

    Returns:
        `name`, `name`_small, `name`_medium and `name`_large; NaN for a group without objects.
    """
    small, large = areas < SMALL_AREA, areas >= LARGE_AREA
    groups = {"": np.ones_like(small), "_small": small, "_medium": ~small & ~large, "_large": large}
    return {
        f"{name}{suffix}": float(ious[members].mean()) if members.any() else float("nan")
        for suffix, members in groups.items()
    }
