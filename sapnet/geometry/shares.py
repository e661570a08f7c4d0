"""Shares of boxes that regions cover, by sums over a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from torch import Tensor


def region_shares(boxes: Tensor, regions: Tensor, image_index: Tensor) -> Tensor:
    """Compute the share of each box that the region of its image covers.

    A box counts the cells of the grid whose middle it holds; one that holds none counts the cell at
    its own middle. What lies outside the grid counts for nothing.

    Args:
        boxes: (M, 4) float xyxy, input frame.
        regions: (B, h, w) bool on the stride-4 grid of the padded input.
        image_index: (M,) int64 image of each box.

    Returns:
        (M,) float32 in [0, 1].
    """
    height, width = regions.shape[1:]
    sums = functional.pad(regions.to(torch.int64), (1, 0, 1, 0)).cumsum(1).cumsum(2)
    first, last = _cells(boxes, height, width)
    (x1, y1), (x2, y2) = first.unbind(1), last.unbind(1)
    total = sums[image_index, y2, x2] - sums[image_index, y1, x2]
    inside = total - sums[image_index, y2, x1] + sums[image_index, y1, x1]
    number = (x2 - x1) * (y2 - y1)
    return inside / number.clamp(min=1)


def _cells(boxes: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the first cells (M, 2) x, y whose middles boxes hold, and those after the last."""
    # The middle of cell i lies at (i + 0.5) strides.
    start, end = (boxes.view(-1, 2, 2) / MASK_STRIDE - 0.5).unbind(1)
    size = boxes.new_tensor([width, height]).long()
    first = start.ceil().long()
    last = end.floor().long() + 1
    middle = ((start + end) / 2 + 0.5).floor().long()
    is_thin = last <= first
    first, last = middle.where(is_thin, first), (middle + 1).where(is_thin, last)
    first = torch.minimum(first.clamp(min=0), size)
    return first, torch.maximum(torch.minimum(last, size), first)
