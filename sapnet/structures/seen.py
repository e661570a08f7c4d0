"""Objects that a segmenter sees in partial images, and which of them are known.

Letters: B images, P objects seen, N clicked objects; h x w is the stride-4 grid of the padded
input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from sapnet.structures.grids import MASK_STRIDE
from sapnet.structures.tensors import TensorFields

if TYPE_CHECKING:
    from torch import Tensor

MAX_COVERED = 0.3
"""Largest share of a seen object that clicked objects may cover; more makes it a part of them."""


@dataclass(frozen=True)
class SeenObjects(TensorFields):
    """Objects that a segmenter sees in the images of a batch, one per grid cell and class.

    Attributes:
        masks: (P, h, w) bool.
        labels: (P,) int64 class index.
        image_index: (P,) int64 image in the batch.
        cell_index: (P,) int64 cell that sees it, in the row of all cells.
    """

    masks: Tensor
    labels: Tensor
    image_index: Tensor
    cell_index: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, kept: Tensor) -> SeenObjects:
        """Return the objects at these places, (P,) bool."""
        return SeenObjects(
            self.masks[kept], self.labels[kept], self.image_index[kept], self.cell_index[kept]
        )


def hold_points(seen: SeenObjects, points: Tensor, image_index: Tensor) -> Tensor:
    """Tell which seen objects hold a point of their image, (P,) bool.

    Args:
        seen: P objects.
        points: (N, 2) float (x, y), input frame.
        image_index: (N,) int64 image of each point.
    """
    height, width = seen.masks.shape[1:]
    columns = (points[:, 0] / MASK_STRIDE).long().clamp(0, width - 1)
    rows = (points[:, 1] / MASK_STRIDE).long().clamp(0, height - 1)
    same_image = seen.image_index[:, None] == image_index
    held: Tensor = (seen.masks[:, rows, columns] & same_image).any(dim=1)
    return held


def are_covered(
    seen: SeenObjects, masks: Tensor, image_index: Tensor, limit: float = MAX_COVERED
) -> Tensor:
    """Tell which seen objects the masks of their image together cover by more than a share.

    Args:
        seen: P objects. Empty ones count as covered.
        masks: (N, h, w) uint8 or bool, of clicked objects.
        image_index: (N,) int64 image of each mask.
        limit: the share, in [0, 1].

    Returns:
        (P,) bool.
    """
    highest = [int(index.max()) for index in (image_index, seen.image_index) if len(index)]
    union = union_of_images(masks, image_index, 1 + max(highest, default=-1))
    areas = seen.masks.flatten(1).sum(dim=1)
    covered = (seen.masks & union[seen.image_index]).flatten(1).sum(dim=1)
    return (covered > limit * areas) | (areas == 0)


def union_of_images(masks: Tensor, image_index: Tensor, num_images: int) -> Tensor:
    """Join the masks of each image: (num_images, h, w) bool."""
    union = masks.new_zeros(num_images, *masks.shape[1:], dtype=torch.bool)
    for mask, image in zip(masks, image_index.tolist(), strict=True):
        union[image] |= mask.bool()
    return union


def avoided_regions(
    ignored: Tensor, image_index: Tensor, num_images: int, unclicked: SeenObjects | None
) -> Tensor:
    """Join what no negative may show: ignored regions, and what was seen but not clicked.

    Args:
        ignored: (Q, h, w) uint8 0/1, ignored regions of all classes.
        image_index: (Q,) int64 image of each region.
        num_images: B.
        unclicked: objects seen in partial images that hold no click; None for none.

    Returns:
        (B, h, w) bool.
    """
    regions = union_of_images(ignored, image_index, num_images)
    if unclicked is not None:
        regions |= union_of_images(unclicked.masks, unclicked.image_index, num_images)
    return regions
