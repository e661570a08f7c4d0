"""Input of the head for each box: pooled pyramid features and the proposal's mask crop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from torchvision.ops import roi_align

from sapnet.selection.config import ROI_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

FINEST_STRIDE = 4
"""Input pixels per cell of P2; each further level doubles it."""

FINEST_SIDE = 56.0
"""Boxes with sides below twice this many px are pooled from P2 (released code)."""


def assign_levels(boxes: Tensor, num_levels: int) -> Tensor:
    """Assign each box to the pyramid level that it is pooled from.

    Args:
        boxes: (M, 4) xyxy, input frame.
        num_levels: L.

    Returns:
        (M,) int64 in 0..L-1: floor(log2(side / 56)), side the root of the area.
    """
    side = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1).sqrt()
    level = (side / FINEST_SIDE + 1e-6).log2().floor()
    return level.clamp(0, num_levels - 1).long()


def pool_boxes(
    features: Sequence[Tensor],
    boxes: Tensor,
    image_index: Tensor,
    finest_stride: int = FINEST_STRIDE,
    sampling_ratio: int = 0,
) -> Tensor:
    """RoIAlign of each box on the level of its size.

    Args:
        features: L levels of (B, D, h, w) float32, the finest first; strides double.
        boxes: (M, 4) xyxy, input frame.
        image_index: (M,) the box's image.
        finest_stride: input pixels per cell of the first level.
        sampling_ratio: samples per side of a bin; 0 for as many as the bin has cells.

    Returns:
        (M, D, 7, 7) float32.
    """
    levels = assign_levels(boxes, len(features))
    rois = torch.cat([image_index[:, None].to(boxes.dtype), boxes], 1)
    pooled, places = [], []
    for level, feature in enumerate(features):
        (place,) = (levels == level).nonzero(as_tuple=True)
        scale = 1 / (finest_stride * 2**level)
        pooled.append(
            roi_align(feature, rois[place], ROI_SIZE, scale, sampling_ratio, aligned=True)
        )
        places.append(place)
    return torch.cat(pooled)[torch.cat(places).argsort()]


def crop_in_boxes(crops: Tensor, source_boxes: Tensor, target_boxes: Tensor) -> Tensor:
    """Resample mask crops of one box in other boxes: bilinear at bin centers, zero outside.

    Args:
        crops: (M, 7, 7) in [0, 1], coverage of the bins of the source box.
        source_boxes: (M, 4) xyxy.
        target_boxes: (M, Q, 4) xyxy, same frame.

    Returns:
        (M, Q, 7, 7) in [0, 1]; equal to the crop where target and source agree.
    """
    num_boxes, num_targets = target_boxes.shape[:2]
    bins = (torch.arange(ROI_SIZE, device=crops.device, dtype=crops.dtype) + 0.5) / ROI_SIZE
    # Columns share their x and rows their y: 14 numbers per box, not 98, until they are laid out.
    corner = target_boxes[..., :2, None]
    centers = corner + bins * (target_boxes[..., 2:, None] - corner)  # (M, Q, 2, 7)
    origin = source_boxes[:, None, :2, None]
    size = source_boxes[:, None, 2:, None] - origin
    # In units of the source box, from -1 to 1 between its edges, as grid_sample counts.
    places = 2 * (centers - origin) / size.clamp(min=torch.finfo(crops.dtype).eps) - 1
    x, y = places.unbind(2)
    shape = (*x.shape, ROI_SIZE)
    grid = torch.stack([x[:, :, None].expand(shape), y[..., None].expand(shape)], -1)
    sampled = functional.grid_sample(
        crops[:, None], grid.flatten(1, 2), padding_mode="zeros", align_corners=False
    )
    return sampled.view(num_boxes, num_targets, ROI_SIZE, ROI_SIZE)


def with_mask_crops(pooled: Tensor, crops: Tensor) -> Tensor:
    """Join features, features inside the mask, and the mask itself as channels.

    Args:
        pooled: (M, D, 7, 7).
        crops: (M, 7, 7) in [0, 1].

    Returns:
        (M, 2 D + 1, 7, 7).
    """
    mask = crops[:, None].to(pooled.dtype)
    return torch.cat([pooled, pooled * mask, mask], 1)
