"""Candidate boxes of the enhancer: around a click first, then around a box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.selection.guidance import holds_point, rival_pairs
from sapnet.selection.sampling import clip_boxes

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.enhancement.config import AnchorsConfig, JitterConfig


MIN_SHARE_INSIDE = 0.7
"""Boxes round the coarse box with less of their area inside the image are no candidates [P2B]."""


def anchor_boxes(
    points: Tensor, sizes: Tensor, cfg: AnchorsConfig, *, centered: bool = False
) -> Tensor:
    """Return boxes of every size and shape around each click, inside its image.

    Args:
        points: (N, 2) x, y, input frame.
        sizes: (N, 2) height and width of each click's image, input frame.
        cfg: sides as shares of the short side, and ratios.
        centered: cut boxes on both sides alike, so that the click stays their center [P2B]; else
            clip them to the image.

    Returns:
        (N, A, 4) xyxy, A = number of sides times number of ratios, by side, then by ratio.
    """
    sides = points.new_tensor(cfg.sides)[:, None]
    roots = points.new_tensor(cfg.ratios).sqrt()
    shapes = torch.stack([sides * roots, sides / roots], -1).flatten(0, 1)  # (A, 2) width, height
    half = sizes.amin(1).to(points.dtype)[:, None, None] * shapes / 2
    centers = points[:, None]
    if centered:
        room = torch.minimum(points, sizes.flip(1).to(points.dtype) - points)
        half = torch.minimum(half, room[:, None])
        return torch.cat([centers - half, centers + half], -1)
    return clip_boxes(torch.cat([centers - half, centers + half], -1), sizes)


def jittered_boxes(boxes: Tensor, sizes: Tensor | None, cfg: JitterConfig) -> Tensor:
    """Return boxes around each box: all pairs of side factors, at and beside its center.

    Args:
        boxes: (N, 4) xyxy.
        sizes: (N, 2) height and width of each box's image, to which boxes are clipped; None leaves
            them as they are.
        cfg: factors of the sides, and the shift of the center.

    Returns:
        (N, J, 4) xyxy, J = number of factors squared, times 5, or times 1 without a shift.
    """
    factors = boxes.new_tensor(cfg.factors)
    shapes = torch.cartesian_prod(factors, factors).view(-1, 2)
    steps = [(0.0, 0.0)]
    if cfg.shift:
        steps += [(-cfg.shift, 0.0), (cfg.shift, 0.0), (0.0, -cfg.shift), (0.0, cfg.shift)]
    extent = boxes[:, None, 2:] - boxes[:, None, :2]
    centers = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2 + boxes.new_tensor(steps) * extent
    half = (extent * shapes / 2)[:, None]  # (N, 1, F, 2)
    centers = centers[:, :, None]  # (N, S, 1, 2)
    found = torch.cat([centers - half, centers + half], -1).flatten(1, 2)
    return found if sizes is None else clip_boxes(found, sizes)


def mostly_inside(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Test if boxes have more than `MIN_SHARE_INSIDE` of their area inside their image.

    Args:
        boxes: (N, K, 4) xyxy.
        sizes: (N, 2) height and width of each image.

    Returns:
        (N, K) bool; False for boxes without an area.
    """
    inside = clip_boxes(boxes, sizes)
    areas, kept = ((b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) for b in (boxes, inside))
    return kept > MIN_SHARE_INSIDE * areas


def rival_holders(boxes: Tensor, points: Tensor, labels: Tensor, image_index: Tensor) -> Tensor:
    """Find boxes that hold a click of another object of the same category.

    Only clicks of the same image count.

    Args:
        boxes: (N, K, 4) xyxy.
        points: (N, 2) x, y.
        labels: (N,) class index.
        image_index: (N,) index of the click's image.

    Returns:
        (N, K) bool.
    """
    pairs = rival_pairs(labels, image_index)
    held = holds_point(points, boxes, pairs)
    counts = torch.zeros(boxes.shape[:2], dtype=torch.int64, device=boxes.device)
    return counts.index_add_(0, pairs[:, 0], held.long()) > 0
