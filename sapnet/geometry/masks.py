"""Masks on grids: crops inside their boxes, the stride-4 grid of training, mass centers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from sapnet.geometry.rle import Strips, foreground_runs, split_at_columns
from sapnet.structures.clicks import RLE
from sapnet.structures.grids import MASK_STRIDE


def downsample_masks(
    rles: Sequence[RLE],
    input_size: tuple[int, int],
    grid_size: tuple[int, int],
    *,
    flip: bool = False,
    stride: int = MASK_STRIDE,
) -> np.ndarray:
    """Bring masks from the original frame to a grid of the padded input.

    Each cell looks up the four middle pixels of its 4 x 4 input pixels in the original mask. No
    mask is made at the resolution of the file or of the input: a run of the original mask says
    directly between which rows of the grid its columns are set. At unchanged size this equals
    mmdetection's targets (bilinear resizing by 1/4 of an 8-bit mask). At stride 1 a cell is an
    input pixel, and looks up the one that it lies on.

    Args:
        rles: K run lengths of one size, original frame.
        input_size: (height, width) the image was resized to, without padding.
        grid_size: (h, w) of the grid: the padded input divided by the stride.
        flip: mirror the masks left to right before resizing, as the image is.
        stride: input pixels per cell, 1 or an even number.

    Returns:
        (K, h, w) uint8 0/1; padding is 0.
    """
    (h, w), count = grid_size, len(rles)
    if not rles:
        return np.zeros((0, h, w), np.uint8)
    height, width = rles[0]["size"]
    strips = split_at_columns(foreground_runs(rles), height)
    if flip:
        strips = replace(strips, column=width - 1 - strips.column)
    rows_of = [
        np.searchsorted(rows, np.arange(height + 1))
        for rows in _source_indices(height, input_size[0], h, stride)
    ]
    columns_of = [
        np.searchsorted(columns, np.arange(width + 1))
        for columns in _source_indices(width, input_size[1], w, stride)
    ]
    # How many of a cell's middle pixels are set, as the change from the row above.
    change = np.zeros((count, h, w), np.int8)
    for column_of in columns_of:
        seen = _spread_over_cells(strips, column_of)
        for row_of in rows_of:
            for edges, step in ((seen.top, 1), (seen.bottom, -1)):
                row = row_of[edges]
                cells = (seen.mask_index * h + row) * w + seen.column
                np.add.at(change.reshape(-1), cells[row < h], np.int8(step))
    # Half coverage rounds up, as in mmdetection.
    least = (len(rows_of) * len(columns_of) + 1) // 2
    for block in _blocks(change, strips, rows_of, columns_of):
        np.cumsum(block, axis=0, out=block)
        np.greater_equal(block, least, out=block.view(bool))
    return change.view(np.uint8)


def _spread_over_cells(strips: Strips, column_of: np.ndarray) -> Strips:
    """Copy strips to the grid columns that read them: none, one, or several if enlarged.

    Args:
        strips: with columns of the source.
        column_of: (W0 + 1,) first grid column that looks at each source column or one behind it.
    """
    times = np.diff(column_of)[strips.column]
    strip = np.repeat(np.arange(len(times)), times)
    nth = np.arange(len(strip)) - np.repeat(np.cumsum(times) - times, times)
    return Strips(
        mask_index=strips.mask_index[strip],
        column=column_of[strips.column[strip]] + nth,
        top=strips.top[strip],
        bottom=strips.bottom[strip],
    )


def _blocks(
    grids: np.ndarray,
    strips: Strips,
    rows_of: Sequence[np.ndarray],
    columns_of: Sequence[np.ndarray],
) -> Iterator[np.ndarray]:
    """Of each mask that is not empty, the part of its grid (h, w) that it can reach."""
    first = np.flatnonzero(np.diff(strips.mask_index, prepend=-1))
    if not len(first):
        return
    top, bottom = np.minimum.reduceat(strips.top, first), np.maximum.reduceat(strips.bottom, first)
    left, right = (f.reduceat(strips.column, first) for f in (np.minimum, np.maximum))
    # The last row may hold nothing but the ends of runs, which are to be summed up, too.
    ends = [[row_of[bottom] + 1 for row_of in rows_of], [of[right + 1] for of in columns_of]]
    starts = [[row_of[top] for row_of in rows_of], [of[left] for of in columns_of]]
    (i1, j1), (i0, j0) = np.max(ends, axis=1), np.min(starts, axis=1)
    extents = zip(strips.mask_index[first], i0, i1, j0, j1, strict=True)
    for mask, from_row, to_row, from_column, to_column in extents:
        yield grids[mask, from_row:to_row, from_column:to_column]


def _source_indices(source: int, resized: int, cells: int, stride: int) -> list[np.ndarray]:
    """For the middle rows of every cell: the row of the source, or `source` for padding.

    They are two, the only ones that bilinear resizing reads; one where a cell has one row.
    """
    indices = []
    for offset in sorted({(stride - 1) // 2, stride // 2}):
        row = np.arange(cells) * stride + offset
        nearest = np.minimum(((row + 0.5) * source / resized).astype(np.int64), source - 1)
        indices.append(np.where(row < resized, nearest, source))
    return indices


def centers_of_mass(masks: Tensor) -> Tensor:
    """Compute the mean pixel index of each mask.

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
