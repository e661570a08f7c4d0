"""Assignment of objects to the grid cells that learn them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from sapnet.segmentation.config import SOLOv2Config

NO_OBJECT = -1
"""Owner of a background cell."""

REACH = 1
"""Cells by which an object's positive region may exceed its centre cell: at most 3 x 3 cells."""


@dataclass(frozen=True)
class GridTargets:
    """Targets of each grid cell; cells of all levels in one row, finest grid first.

    A cell that several objects claim is listed once per object: its mask learns from all of them,
    its class only from its owner, the last of them.

    Attributes:
        owner: (B, cells) int64 object whose class the cell predicts, -1 for background.
        image_index: (G,) int64 image of each positive, ordered by level, then object, then cell.
        cell_index: (G,) int64 cell of each positive in the row of all cells.
        object_index: (G,) int64 object whose mask the positive predicts.
        left_out: (B, cells, C) bool, cells whose class loss is left out; None for none.
    """

    owner: Tensor
    image_index: Tensor
    cell_index: Tensor
    object_index: Tensor
    left_out: Tensor | None = None

    @property
    def num_positive_cells(self) -> Tensor:
        """() number of distinct cells that have an object."""
        return (self.owner != NO_OBJECT).sum()

    def cell_labels(self, labels: Tensor, num_classes: int) -> Tensor:
        """Return the class of each cell.

        Args:
            labels: (N,) class index of each object.
            num_classes: C, which also stands for background.

        Returns:
            (B, cells) int64.
        """
        # NO_OBJECT picks the last entry, which is the appended background.
        return torch.cat([labels, labels.new_full((1,), num_classes)])[self.owner]


def assign_targets(
    boxes: Tensor,
    centers_yx: Tensor,
    image_index: Tensor,
    num_images: int,
    input_size: tuple[int, int],
    cfg: SOLOv2Config,
) -> GridTargets:
    """Assign objects to the cells around their centres, for all objects and levels at once.

    An object goes to every level whose range contains the square root of its box area. There it
    claims the cells of its centre region, at most 3 x 3.

    Args:
        boxes: (N, 4) float32 xyxy, input frame; only the sides are used.
        centers_yx: (N, 2) float32 (y, x) centres of mass, input frame, counted from the centre of
            the first pixel; NaN for an empty mask, which is skipped.
        image_index: (N,) int64 image of each object.
        num_images: B.
        input_size: (height, width) of the padded input.
        cfg: grids, ranges and the size of the centre region.

    Returns:
        The targets; without objects all cells are background.
    """
    claims = _claimed_cells(boxes, centers_yx, input_size, cfg)  # (L, N, rows * columns)
    level, object_index, _ = torch.nonzero(claims >= 0, as_tuple=True)
    cell_index = claims[claims >= 0] + level.new_tensor(cfg.level_offsets)[level]
    positive_image = image_index[object_index]

    num_cells = sum(cfg.cells_per_level)
    owner = torch.full((num_images * num_cells,), NO_OBJECT, device=boxes.device)
    # The largest index is the last object in the input; unlike a plain assignment, this has one
    # result also where the device writes in parallel.
    owner.scatter_reduce_(0, positive_image * num_cells + cell_index, object_index, "amax")
    return GridTargets(
        owner=owner.view(num_images, num_cells),
        image_index=positive_image,
        cell_index=cell_index,
        object_index=object_index,
    )


def _claimed_cells(
    boxes: Tensor, centers_yx: Tensor, input_size: tuple[int, int], cfg: SOLOv2Config
) -> Tensor:
    """List the cells (L, N, 9) of each level's grid that each object claims; -1 for none."""
    sides_yx = (boxes[:, 2:] - boxes[:, :2]).flip(1)
    sizes = sides_yx.prod(dim=1).sqrt()
    low, high = boxes.new_tensor(cfg.ranges).T[:, :, None]  # each (L, 1)
    has_mask = ~centers_yx.isnan().any(dim=1)
    on_level = (sizes >= low) & (sizes <= high) & has_mask  # (L, N)

    # Coordinates on a cell border are decided by float32 rounding. Dividing by tensors rather
    # than numbers makes it the same on every device (a GPU multiplies by a number's inverse).
    size_yx = boxes.new_tensor(input_size)
    num_grids = boxes.new_tensor(cfg.grids, dtype=torch.int64)[:, None, None]
    cell_side = boxes.new_tensor([1 / side for side in cfg.grids])[:, None, None]
    half_extent = 0.5 * sides_yx * cfg.center_region
    safe_centers = centers_yx.nan_to_num()

    def cell_of(coordinates: Tensor) -> Tensor:
        return torch.div(coordinates / size_yx, cell_side, rounding_mode="trunc").long()

    center = cell_of(safe_centers)  # (L, N, 2) row and column
    first = cell_of(safe_centers - half_extent).clamp(min=0)
    last = cell_of(safe_centers + half_extent).minimum(num_grids - 1)

    reach = torch.arange(-REACH, REACH + 1, device=boxes.device)
    near = center[..., None] + reach  # (L, N, 2, 3)
    inside = (near >= first[..., None]) & (near <= last[..., None])
    rows, columns = near.unbind(dim=2)
    row_inside, column_inside = inside.unbind(dim=2)
    cells = rows[..., :, None] * num_grids[..., None] + columns[..., None, :]
    claimed = row_inside[..., :, None] & column_inside[..., None, :] & on_level[..., None, None]
    return torch.where(claimed, cells, NO_OBJECT).flatten(2)
