"""Crops of masks inside their boxes."""

from __future__ import annotations

import numpy as np

from sapnet.structures.grids import CROP_SIZE


def crop_masks(masks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Coverage of each mask in the bins of a regular grid over its box.

    Args:
        masks: (K, H, W) uint8 or bool.
        boxes: (K, 4) xyxy pixel edges; integers for tight boxes, fractions are allowed.

    Returns:
        (K, 7, 7) uint8, mean coverage of each bin, 0..255; zeros for an empty box.
    """
    crops = np.zeros((len(masks), CROP_SIZE, CROP_SIZE), np.uint8)
    for crop, mask, box in zip(crops, masks, np.asarray(boxes, np.float64), strict=True):
        x1, y1, x2, y2 = box
        if x2 <= x1 or y2 <= y1:
            continue
        top, left = int(np.floor(y1)), int(np.floor(x1))
        inside = mask[top : int(np.ceil(y2)), left : int(np.ceil(x2))] != 0
        rows = _bin_weights(y1 - top, y2 - top, inside.shape[0])
        columns = _bin_weights(x1 - left, x2 - left, inside.shape[1])
        crop[:] = np.rint(255 * np.clip(rows @ inside.astype(np.float32) @ columns.T, 0, 1))
    return crops


def _bin_weights(start: float, stop: float, length: int) -> np.ndarray:
    """Compute the share (7, length) of each pixel in each of seven bins; rows sum to 1."""
    edges = np.linspace(start, stop, CROP_SIZE + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: np.ndarray = np.clip(overlap, 0, None) * CROP_SIZE / (stop - start)
    return weights.astype(np.float32)
