"""Cells without a class loss: of ignored regions, and of objects that nobody clicked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from sapnet.segmentation.targets import NO_OBJECT, assign_targets
from sapnet.structures.grids import MASK_STRIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from sapnet.segmentation.config import SOLOv2Config
    from sapnet.segmentation.targets import GridTargets
    from sapnet.structures.batch import Gaps
    from sapnet.structures.seen import SeenObjects


def touched_cells(masks: Tensor, grids: Sequence[int]) -> Tensor:
    """Tell which cells of all levels a mask touches.

    Args:
        masks: (Q, h, w) uint8 0/1 on the stride-4 grid of the padded input.
        grids: cells per side of each level, finest first.

    Returns:
        (Q, cells) bool: level by level, row by row.
    """
    values = masks[:, None].float()
    parts = [functional.adaptive_max_pool2d(values, side).flatten(1) for side in grids]
    return torch.cat(parts, dim=1) > 0


def ignored_cells(gaps: Gaps, cfg: SOLOv2Config) -> Tensor:
    """Tell which cells an ignored region touches, for its class: (B, cells, C) bool."""
    num_images, num_classes = gaps.partial.shape
    shape = (num_images, sum(cfg.cells_per_level), num_classes)
    left_out = torch.zeros(shape, dtype=torch.bool, device=gaps.masks.device)
    if not len(gaps.labels):
        return left_out
    touched = touched_cells(gaps.masks, cfg.grids)
    for cells, image, label in zip(
        touched, gaps.image_index.tolist(), gaps.labels.tolist(), strict=True
    ):
        left_out[image, :, label] |= cells
    return left_out


def cells_of_seen(
    seen: SeenObjects,
    centers_yx: Tensor,
    shape: tuple[int, int, int],
    input_size: tuple[int, int],
    cfg: SOLOv2Config,
) -> Tensor:
    """Tell which cells see an object, or would learn it if it were clicked.

    Args:
        seen: P objects; none of them clicked.
        centers_yx: (P, 2) float32 their centres of mass, as `assign_targets` takes them.
        shape: (B, cells, C).
        input_size: (height, width) of the padded input.
        cfg: grids and ranges.

    Returns:
        `shape` bool, for the class of each object.
    """
    left_out = torch.zeros(shape, dtype=torch.bool, device=seen.masks.device)
    if not len(seen):
        return left_out
    left_out[seen.image_index, seen.cell_index, seen.labels] = True
    targets = assign_targets(
        MASK_STRIDE * mask_boxes(seen.masks),
        centers_yx,
        seen.image_index,
        shape[0],
        input_size,
        cfg,
    )
    labels = seen.labels[targets.object_index]
    left_out[targets.image_index, targets.cell_index, labels] = True
    return left_out


def mask_boxes(masks: Tensor) -> Tensor:
    """Return the tight boxes (P, 4) float32 xyxy of (P, h, w) bool masks; zeros if empty."""
    if not len(masks):
        return masks.new_zeros(0, 4, dtype=torch.float32)
    edges = []
    for axis in (1, 2):  # over the rows: columns
        line = masks.any(dim=axis)
        size = line.shape[1]
        first = line.float().argmax(dim=1)
        last = size - line.flip(1).float().argmax(dim=1)
        edges.append((first, torch.where(line.any(dim=1), last, first)))
    (x1, x2), (y1, y2) = edges
    return torch.stack([x1, y1, x2, y2], dim=1).float()


def with_left_out(grid_targets: GridTargets, labels: Tensor, left_out: Tensor) -> GridTargets:
    """Add the cells that learn nothing; a cell that has an object goes on learning its class.

    Args:
        grid_targets: the objects that cells learn.
        labels: (N,) class index of each object.
        left_out: (B, cells, C) bool.
    """
    images, cells = torch.nonzero(grid_targets.owner != NO_OBJECT, as_tuple=True)
    kept = left_out.clone()
    kept[images, cells, labels[grid_targets.owner[images, cells]]] = False
    return replace(grid_targets, left_out=kept)
