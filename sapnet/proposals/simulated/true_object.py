"""An object of the synthetic set with its visible parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TrueObject:
    """An object of the synthetic set.

    Attributes:
        annotation_id: id of the object.
        image_id: id of its image.
        box: (top, left, bottom, right) of its visible pixels, pixel edges.
        part_map: (H, W) uint8, 1 + index of the visible part at the pixel, 0 elsewhere.
        num_parts: number of visible parts.
        neighbours: annotation ids of touching objects of its class.
    """

    annotation_id: int
    image_id: int
    box: tuple[int, int, int, int]
    part_map: np.ndarray
    num_parts: int
    neighbours: tuple[int, ...]
