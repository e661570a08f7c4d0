"""Masks on the stride-4 grid brought to the original frame."""

from __future__ import annotations

from math import ceil, floor

import torch
from torch import Tensor

from sapnet.segmentation.layers import resize_bilinear
from sapnet.structures.grids import MASK_STRIDE

CHUNK_PIXELS = 2**24
"""Mask pixels computed at a time: 64 MiB per float32 tensor."""

NUM_BANDS = 16
"""Bands of rows in which masks are resized; each reads only the cells it lies on."""

BAND_MARGIN = 2
"""Cells beyond the edge of a band that bilinear resizing, twice, may read."""


def masks_to_original(
    probabilities: Tensor,
    image_size: tuple[int, int],
    original_size: tuple[int, int],
    threshold: float,
) -> Tensor:
    """Bring stride-4 mask probabilities to the original frame.

    Args:
        probabilities: (P, h, w) float, stride 4 of the padded input.
        image_size: (height, width) of the content in the input frame.
        original_size: (height, width) of the original image.
        threshold: probability above which a pixel is foreground.

    Returns:
        (P, *original_size) bool.
    """
    height, width = probabilities.shape[1:]
    row_weights = _resize_weights(height, image_size[0], original_size[0], probabilities)
    column_weights = _resize_weights(width, image_size[1], original_size[1], probabilities)
    masks = probabilities.new_empty((len(probabilities), *original_size), dtype=torch.bool)
    chunk = max(1, CHUNK_PIXELS // (max(height, original_size[0] // NUM_BANDS) * original_size[1]))
    bands = _bands(height, image_size[0], original_size[0])
    for part, part_masks in zip(
        torch.split(probabilities, chunk), torch.split(masks, chunk), strict=True
    ):
        wide = part @ column_weights.T  # (p, h, original width)
        for rows, cells in bands:
            band = row_weights[rows, cells] @ wide[:, cells]
            part_masks[:, rows] = band > threshold
    return masks


def _resize_weights(cells: int, content: int, original: int, like: Tensor) -> Tensor:
    """Matrix (original, cells) that resizes one axis from stride 4 to the original frame.

    Resizing to the input frame, cutting the padding off and resizing to the original frame are
    linear and act on each axis alone, so that resizing the columns of the identity in the same
    steps gives all weights; no map of the input's size is made.
    """
    identity = torch.eye(cells, device=like.device, dtype=like.dtype)[None, None]
    padded = resize_bilinear(identity, (MASK_STRIDE * cells, cells))
    return resize_bilinear(padded[:, :, :content], (original, cells))[0, 0]


def _bands(cells: int, content: int, original: int) -> list[tuple[slice, slice]]:
    """List bands of original rows, and the rows of cells that they are made from."""
    bands = []
    for band in range(NUM_BANDS):
        first, stop = (original * edge // NUM_BANDS for edge in (band, band + 1))
        cells_per_row = content / (original * MASK_STRIDE)
        first_cell = floor(first * cells_per_row) - BAND_MARGIN
        stop_cell = ceil(stop * cells_per_row) + BAND_MARGIN
        bands.append((slice(first, stop), slice(max(0, first_cell), min(cells, stop_cell))))
    return bands
