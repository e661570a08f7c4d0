"""Positive and negative proposals (PNPG, Algorithm 1): what the refinement learns from.

Random numbers are arguments, so that a result can be repeated and compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import grow_boxes

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import NegativesConfig, PositivesConfig


def clip_boxes(boxes: Tensor, sizes: Tensor) -> Tensor:
    """Clip boxes of different images, each to the content of its own.

    Args:
        boxes: (N, Q, 4) xyxy.
        sizes: (N, 2) height and width.

    Returns:
        (N, Q, 4).
    """
    limits = sizes.flip(1).to(boxes.dtype).repeat(1, 2)[:, None]
    return torch.minimum(boxes.clamp(min=0), limits)


def jitter_boxes(boxes: Tensor, distance_scores: Tensor, cfg: PositivesConfig) -> Tensor:
    """Positive boxes round the selected ones (PPG, Eq. 4): same centre, sides times 1 + v / S_dis.

    Args:
        boxes: (N, 4) xyxy selected boxes.
        distance_scores: (N,) S_dis of the selected boxes, in (0, 1]; 1 picks `cfg.lone`.
        cfg: the values of v.

    Returns:
        (N, K', 4), K' = fixed + lone values; not clipped.
    """
    scores = distance_scores[:, None]
    lone, crowded, fixed = (scores.new_tensor(v) for v in (cfg.lone, cfg.crowded, cfg.fixed))
    adaptive = torch.where(scores == 1, lone, crowded) / scores
    steps = torch.cat([fixed.expand(len(boxes), -1), adaptive], 1)
    return grow_boxes(boxes[:, None], 1 + steps)


def random_boxes(uniforms: Tensor, image_sizes: Tensor, overhang: float) -> Tensor:
    """Boxes anywhere in an image, its border strip included.

    Args:
        uniforms: (B, R, 4) in [0, 1): left, top, then right and bottom between them and the end.
        image_sizes: (B, 2) height and width.
        overhang: width of the strip as a fraction of the image's size.

    Returns:
        (B, R, 4) xyxy, from -overhang to 1 + overhang times the size.
    """
    size = image_sizes.flip(1)[:, None].to(uniforms.dtype)  # (B, 1, 2) width, height
    start, end = -overhang * size, (1 + overhang) * size
    # The span of the corner is the image and one strip, so that every box can reach the end.
    top_left = start + (size - start) * uniforms[..., :2]
    bottom_right = top_left + (end - top_left) * uniforms[..., 2:]
    return torch.cat([top_left, bottom_right], -1)


def is_background(
    boxes: Tensor, positive_boxes: Tensor, image_index: Tensor, iou_below: float
) -> Tensor:
    """Whether boxes keep clear of every positive of their image.

    Args:
        boxes: (B, R, 4) xyxy.
        positive_boxes: (N, Q, 4) xyxy; padding is zeros and keeps nothing away.
        image_index: (N,) non-decreasing, index of the object's image.
        iou_below: T_neg1; an IoU of this or more is too close.

    Returns:
        (B, R) bool; all of them in an image without objects.
    """
    counts = torch.bincount(image_index, minlength=len(boxes)).tolist()
    # One image at a time: the batch has B times more pairs, nearly all of other images.
    own = torch.split(positive_boxes, counts)
    return torch.stack([keeps_clear(*pair, iou_below) for pair in zip(boxes, own, strict=True)])


def keeps_clear(boxes: Tensor, others: Tensor, iou_below: float) -> Tensor:
    """Whether the IoU of each box with all others stays below a limit.

    The overlap I of areas A and B has an IoU below t where I < t / (1 + t) (A + B): no division,
    and coordinates apart so that every pass runs over contiguous memory; 4 to 8 times faster than
    all IoUs, which matters as this is the largest table of selection.

    Args:
        boxes: (R, 4) xyxy.
        others: (..., 4) xyxy.
        iou_below: t in [0, 1].

    Returns:
        (R,) bool.
    """
    left, top, right, bottom = boxes.T[..., None].unbind(0)
    other_left, other_top, other_right, other_bottom = (
        others.reshape(-1, 4).T.contiguous().unbind(0)
    )
    width = torch.minimum(right, other_right).sub_(torch.maximum(left, other_left))
    height = torch.minimum(bottom, other_bottom).sub_(torch.maximum(top, other_top))
    overlap = width.clamp_(min=0).mul_(height)
    areas = (right - left) * (bottom - top)
    other_areas = (other_right - other_left) * (other_bottom - other_top)
    share = iou_below / (1 + iou_below)
    return (overlap < (areas * share) + (other_areas * share)).all(1)


def sample_background(
    uniforms: Tensor,
    image_sizes: Tensor,
    positive_boxes: Tensor,
    image_index: Tensor,
    cfg: NegativesConfig,
) -> tuple[Tensor, Tensor]:
    """Background negatives (NPG): random boxes of each image clear of its positives.

    Args:
        uniforms: (B, R, 4) in [0, 1).
        image_sizes: (B, 2) height and width.
        positive_boxes: (N, Q, 4) xyxy, the enriched bags.
        image_index: (N,) non-decreasing.
        cfg: overhang and IoU limit.

    Returns:
        (B, R, 4) boxes and (B, R) bool which of them count.
    """
    boxes = random_boxes(uniforms, image_sizes, cfg.overhang)
    return boxes, is_background(boxes, positive_boxes, image_index, cfg.background_iou)


def random_parts(uniforms: Tensor, min_side: float) -> Tensor:
    """Places of boxes inside the unit square.

    Args:
        uniforms: (..., 4) in [0, 1): position and size along x and y.
        min_side: smallest side, in [0, 1].

    Returns:
        (..., 4) xyxy in [0, 1], each side uniform in [min_side, 1], each place equally likely.
    """
    sides = min_side + (1 - min_side) * uniforms[..., 2:]
    start = (1 - sides) * uniforms[..., :2]
    return torch.cat([start, start + sides], -1)


def place_parts(boxes: Tensor, parts: Tensor) -> Tensor:
    """Boxes inside boxes.

    Args:
        boxes: (N, 4) xyxy.
        parts: (N or 1, Q, 4) xyxy in units of the box; (0.25, 0.25, 0.75, 0.75) is the half-size
            central one of the released code.

    Returns:
        (N, Q, 4) xyxy.
    """
    corner = boxes[:, None, :2]
    size = boxes[:, None, 2:] - corner
    return torch.cat([corner + parts[..., :2] * size, corner + parts[..., 2:] * size], -1)


def sample_parts(
    uniforms: Tensor, boxes: Tensor, min_area: Tensor, cfg: NegativesConfig
) -> tuple[Tensor, Tensor]:
    """Part negatives (NPG): boxes inside the selected one that miss much of it.

    Args:
        uniforms: (N, Q, 4) in [0, 1).
        boxes: (N, 4) xyxy selected boxes.
        min_area: (N,) px^2; a box of at most this area has no parts.
        cfg: smallest side and IoU limit.

    Returns:
        (N, Q, 4) boxes and (N, Q) bool which of them count.
    """
    parts = random_parts(uniforms, cfg.min_part_fraction)
    # A part lies inside its box, so its share of the area is their IoU.
    iou = (parts[..., 2:] - parts[..., :2]).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return place_parts(boxes, parts), (iou < cfg.part_iou) & (area > min_area)[:, None]
