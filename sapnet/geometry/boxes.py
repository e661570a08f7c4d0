"""Boxes as (..., 4) xyxy tensors of pixel edges; all functions broadcast, none in place.

What torchvision has is used from there: `box_iou` (all pairs), `box_area`,
`clip_boxes_to_image`, `box_convert`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def broadcast_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union, element by element.

    Args:
        first: (..., 4) xyxy.
        second: (..., 4) xyxy, broadcastable with `first`.

    Returns:
        (...) in [0, 1]; 0 where both boxes are empty.
    """
    top_left = torch.maximum(first[..., :2], second[..., :2])
    bottom_right = torch.minimum(first[..., 2:], second[..., 2:])
    intersection = (bottom_right - top_left).clamp(min=0).prod(-1)
    first_area = (first[..., 2:] - first[..., :2]).clamp(min=0).prod(-1)
    second_area = (second[..., 2:] - second[..., :2]).clamp(min=0).prod(-1)
    union = first_area + second_area - intersection
    return torch.where(union > 0, intersection / union, torch.zeros_like(union))


def points_in_boxes(points: Tensor, boxes: Tensor) -> Tensor:
    """Test if each point lies strictly inside its box; a point on the border is outside.

    Args:
        points: (..., 2) x, y.
        boxes: (..., 4) xyxy, broadcastable with `points`.

    Returns:
        (...) bool.
    """
    return ((points > boxes[..., :2]) & (points < boxes[..., 2:])).all(-1)


def boxes_meet(first: Tensor, second: Tensor) -> Tensor:
    """Test if boxes share an area, element by element; boxes that only touch do not.

    Args:
        first: (..., 4) xyxy with an area.
        second: (..., 4) xyxy with an area, broadcastable with `first`.

    Returns:
        (...) bool.
    """
    starts_before = (first[..., :2] < second[..., 2:]).all(-1)
    return starts_before & (second[..., :2] < first[..., 2:]).all(-1)


def scale_boxes(boxes: Tensor, scale: Tensor) -> Tensor:
    """Scale boxes as their image is resized.

    Args:
        boxes: (..., 4) xyxy.
        scale: (2,) factors of x and y.

    Returns:
        (..., 4) xyxy.
    """
    return boxes * torch.cat([scale, scale]).to(boxes)


def flip_boxes(boxes: Tensor, width: float) -> Tensor:
    """Mirror boxes with an image of this width.

    Args:
        boxes: (..., 4) xyxy.
        width: width of the image content in pixels.

    Returns:
        (..., 4) xyxy.
    """
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - x2, y1, width - x1, y2], -1)


def grow_boxes(boxes: Tensor, factors: Tensor) -> Tensor:
    """Multiply the sides of boxes, centers kept.

    Args:
        boxes: (..., 4) xyxy.
        factors: (...) broadcastable with the boxes' leading dimensions; 1 keeps the box.

    Returns:
        (..., 4) xyxy.
    """
    center = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = (boxes[..., 2:] - boxes[..., :2]) / 2 * factors[..., None]
    return torch.cat([center - half, center + half], -1)


def hull_boxes(boxes: Tensor) -> Tensor:
    """Return the smallest box round all boxes of a row that have an area.

    Args:
        boxes: (..., K, 4) xyxy; those without an area, such as padding, do not count.

    Returns:
        (..., 4) xyxy; where no box counts, (inf, inf, -inf, -inf), which meets nothing.
    """
    if boxes.shape[-2] == 0:
        edge = boxes.new_full((*boxes.shape[:-2], 2), torch.inf)
        return torch.cat([edge, -edge], -1)
    has_area = (boxes[..., :2] < boxes[..., 2:]).all(-1, keepdim=True)
    top_left = boxes[..., :2].where(has_area, torch.inf).amin(-2)
    return torch.cat([top_left, boxes[..., 2:].where(has_area, -torch.inf).amax(-2)], -1)
