"""Masks on grids: crops inside their boxes, the stride-4 grid of training, centres of mass."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sapnet.structures import CROP_SIZE, MASK_STRIDE

_MIDDLE = (MASK_STRIDE // 2 - 1, MASK_STRIDE // 2)
"""The two middle rows (columns) of a stride-4 cell: bilinear resizing by 1/4 reads only these."""

_MIN_MIDDLE_PIXELS = 2
"""How many of a cell's four middle pixels must be set: half coverage rounds up (mmdetection)."""


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
    """(7, length) share of each pixel in each of seven equal bins; every row sums to 1."""
    edges = np.linspace(start, stop, CROP_SIZE + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: np.ndarray = np.clip(overlap, 0, None) * CROP_SIZE / (stop - start)
    return weights.astype(np.float32)


def downsample_masks(
    masks: np.ndarray, input_size: tuple[int, int], grid_size: tuple[int, int]
) -> np.ndarray:
    """Masks of the original frame on the stride-4 grid of the resized, padded input.

    No mask of the input's full resolution is made: each cell looks up the four middle pixels of
    its 4 x 4 input pixels in the original mask. At unchanged size this equals mmdetection's
    targets (bilinear resizing by 1/4 of an 8-bit mask).

    Args:
        masks: (K, H0, W0) uint8 or bool, original frame.
        input_size: (height, width) the image was resized to, without padding.
        grid_size: (h, w) of the grid, a quarter of the padded input.

    Returns:
        (K, h, w) uint8 0/1; padding is 0.
    """
    foreground = masks != 0
    row_pairs = _source_indices(foreground.shape[1], input_size[0], grid_size[0])
    column_pairs = _source_indices(foreground.shape[2], input_size[1], grid_size[1])
    # A border of zeros receives the look-ups that fall into the padding.
    padded = np.pad(foreground, ((0, 0), (0, 1), (0, 1))).astype(np.uint8)
    count = np.zeros((len(masks), *grid_size), np.uint8)
    for rows in row_pairs:
        lines = padded[:, rows]
        for columns in column_pairs:
            count += lines[:, :, columns]
    return (count >= _MIN_MIDDLE_PIXELS).astype(np.uint8)


def _source_indices(source: int, resized: int, cells: int) -> list[np.ndarray]:
    """For both middle rows of every cell: the row of the source, or `source` for padding."""
    indices = []
    for offset in _MIDDLE:
        row = np.arange(cells) * MASK_STRIDE + offset
        nearest = np.minimum(((row + 0.5) * source / resized).astype(np.int64), source - 1)
        indices.append(np.where(row < resized, nearest, source))
    return indices


def centers_of_mass(masks: Tensor) -> Tensor:
    """Mean pixel index of each mask.

    Args:
        masks: (N, h, w) of any number type; non-zero is foreground.

    Returns:
        (N, 2) float32 (y, x), the first pixel at 0; NaN for an empty mask.
    """
    foreground = (masks != 0).float()
    height, width = masks.shape[-2:]
    per_row, per_column = foreground.sum(-1), foreground.sum(-2)
    area = per_row.sum(-1)
    y = (per_row * torch.arange(height, device=masks.device)).sum(-1)
    x = (per_column * torch.arange(width, device=masks.device)).sum(-1)
    return torch.stack([y, x], -1) / area[:, None]
