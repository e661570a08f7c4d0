"""Positive and negative boxes (PNPG, Algorithm 1), from which the refinement learns.

Random numbers are arguments, so that a result can be repeated and compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import grow_boxes, hull_boxes

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import NegativesConfig, PositivesConfig

CHUNK_PAIRS = 2**16
"""Pairs of boxes compared at a time: a table of 256 KiB, which stays in a core's cache."""


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
    """Scale the sides of selected boxes by 1 + v / S_dis, center kept (PPG, Eq. 4).

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
    """Place random boxes anywhere in an image, its border strip included.

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
    """Test if boxes keep clear of every positive of their image.

    Two steps with the answer of one. No positive overlaps a box by more than the hull of its bag
    does, and none is smaller than the smallest of its bag: a box below the limit with these two is
    clear of the whole bag. That settles all but a few pairs of box and bag; only they are tested
    with each positive. Every operation of the test rounds monotonically, so the bound also holds
    in floating point.

    Args:
        boxes: (B, R, 4) xyxy.
        positive_boxes: (N, Q, 4) xyxy; padding is zeros and keeps nothing away.
        image_index: (N,) index of the object's image.
        iou_below: T_neg1; an IoU of this or more is too close.

    Returns:
        (B, R) bool; all of them in an image without objects.
    """
    clear = torch.ones(boxes.shape[:2], dtype=torch.bool, device=boxes.device)
    if positive_boxes.numel() == 0:
        return clear
    share = iou_below / (1 + iou_below)
    coordinates = boxes.permute(2, 0, 1).contiguous()  # apart: every pass runs over memory in order
    positives = positive_boxes.permute(2, 0, 1).contiguous()
    pairs = _near_bags(coordinates, positive_boxes, image_index, share)
    for part in torch.split(pairs, _per_chunk(positives.shape[2])):
        own, place = part.unbind(1)
        images = image_index[own]
        # Bags meet the same boxes again and again: those rejected by an earlier chunk are left out.
        open_cases = clear[images, place]
        own, place, images = own[open_cases], place[open_cases], images[open_cases]
        near = coordinates[:, images, place][..., None]  # (4, P, 1)
        others = positives[:, own]  # (4, P, Q)
        areas, other_areas = _areas(near) * share, _areas(others) * share
        hit = ~(_overlap(near, others) < areas + other_areas).all(1)
        clear[images[hit], place[hit]] = False
    return clear


def _near_bags(boxes: Tensor, positive_boxes: Tensor, image_index: Tensor, share: float) -> Tensor:
    """List pairs of a bag and a box of its image that the bag's bounds do not keep apart.

    Args:
        boxes: (4, B, R) coordinates.
        positive_boxes: (N, Q, 4) xyxy.
        image_index: (N,) index of the object's image.
        share: of the summed areas, that an overlap must stay below.

    Returns:
        (P, 2) int64 rows (object, place of the box in its image).
    """
    areas = _areas(positive_boxes.permute(2, 0, 1))
    smallest = areas.masked_fill(areas <= 0, torch.inf).amin(1, keepdim=True) * share
    hulls = hull_boxes(positive_boxes).T[..., None]  # (4, N, 1)
    box_areas = _areas(boxes) * share
    # The bounds leave out empty positives, which matter to an empty box alone: always test that.
    box_areas = box_areas.where(box_areas > 0, -torch.inf)
    near = []
    for objects in torch.split(
        torch.arange(len(areas), device=areas.device), _per_chunk(boxes.shape[2])
    ):
        images = image_index[objects]
        overlap = _overlap(hulls[:, objects], boxes[:, images])  # (n, R), only of their own images
        near.append((overlap < smallest[objects] + box_areas[images]).logical_not_())
    return torch.cat(near).nonzero()


def _per_chunk(width: int) -> int:
    """Return the number of rows of a table of this width to work on at a time."""
    return max(1, CHUNK_PAIRS // max(1, width))


def _areas(coordinates: Tensor) -> Tensor:
    """Compute areas of boxes whose (4, ...) coordinates lie apart."""
    left, top, right, bottom = coordinates.unbind(0)
    return (right - left) * (bottom - top)


def _overlap(first: Tensor, second: Tensor) -> Tensor:
    """Compute intersections of boxes whose (4, ...) coordinates lie apart and broadcast."""
    width = torch.minimum(first[2], second[2]).sub_(torch.maximum(first[0], second[0]))
    height = torch.minimum(first[3], second[3]).sub_(torch.maximum(first[1], second[1]))
    overlap: Tensor = width.clamp_(min=0).mul_(height)
    return overlap


def sample_background(
    uniforms: Tensor,
    image_sizes: Tensor,
    positive_boxes: Tensor,
    image_index: Tensor,
    cfg: NegativesConfig,
) -> tuple[Tensor, Tensor]:
    """Sample background negatives (NPG): random boxes of each image, clear of its positives.

    Args:
        uniforms: (B, R, 4) in [0, 1).
        image_sizes: (B, 2) height and width.
        positive_boxes: (N, Q, 4) xyxy, the enriched bags.
        image_index: (N,) index of the object's image.
        cfg: overhang and IoU limit.

    Returns:
        (B, R, 4) boxes and (B, R) bool which of them count.
    """
    boxes = random_boxes(uniforms, image_sizes, cfg.overhang)
    return boxes, is_background(boxes, positive_boxes, image_index, cfg.background_iou)


def random_parts(uniforms: Tensor, min_side: float, max_area: float = 1.0) -> Tensor:
    """Place random boxes of a limited area inside the unit square.

    One side is drawn from all that leave room for the other, then the other from all that keep to
    the limit. Which of both comes first is drawn, too, so wide boxes are as likely as tall ones.

    Args:
        uniforms: (..., 5) in [0, 1): position along x and y, the side drawn first and the other
            one, and which of width and height comes first.
        min_side: smallest side, in [0, 1].
        max_area: areas stay below it, except that of `min_side` squared; above `min_side` squared.

    Returns:
        (..., 4) xyxy in [0, 1], each place equally likely.
    """
    longest = min(1.0, max_area / min_side) if min_side > 0 else 1.0
    first = min_side + (longest - min_side) * uniforms[..., 2]
    room = (max_area / first).clamp(max=1)
    second = min_side + (room - min_side).clamp(min=0) * uniforms[..., 3]
    is_width = uniforms[..., 4] < 0.5
    sides = torch.stack([first.where(is_width, second), second.where(is_width, first)], -1)
    start = (1 - sides) * uniforms[..., :2]
    return torch.cat([start, start + sides], -1)


def place_parts(boxes: Tensor, parts: Tensor) -> Tensor:
    """Place boxes inside boxes.

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
    """Sample part negatives (NPG): boxes inside the selected one that miss much of it.

    A part lies inside its box, so its share of the area is their IoU, which stays below T_neg2.

    Args:
        uniforms: (N, Q, 5) in [0, 1).
        boxes: (N, 4) xyxy selected boxes.
        min_area: (N,) px^2; a box of at most this area has no parts.
        cfg: smallest side and IoU limit.

    Returns:
        (N, Q, 4) boxes and (N, Q) bool which of them count: all of a box that is large enough.
    """
    parts = random_parts(uniforms, cfg.min_part_fraction, cfg.part_iou)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    large = (area > min_area)[:, None].expand(parts.shape[:2])
    return place_parts(boxes, parts), large
