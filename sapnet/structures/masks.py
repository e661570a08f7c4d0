"""Masks as run lengths, and the sizes of the grids that masks are resampled to."""

from __future__ import annotations

from typing import TypedDict

MASK_STRIDE = 4
"""Input pixels per cell of the grid on which masks live during training (SOLOv2's mask stride)."""


CROP_SIZE = 7
"""Side of a proposal's mask crop; equals the RoIAlign output so that both can be multiplied."""


class RLE(TypedDict):
    """A mask as COCO compressed run lengths."""

    size: list[int]  # [height, width]
    counts: bytes
