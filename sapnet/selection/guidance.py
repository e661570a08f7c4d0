"""Point-distance guidance (PDG, Eq. 2): a box that reaches objects of its own class scores less.

W[i, m] sums, over the rivals j of object i that box m reaches, the distance of their points to the
power `distance_power`; S_dis = sigmoid(1 / W), exactly 1 where W = 0. Rivals of an object are the
other objects of its class in its image; they are few, so pairs are listed instead of a dense
(N, K, N) tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import points_in_boxes

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import GuidanceConfig
    from sapnet.structures import Bags


def rival_pairs(labels: Tensor, image_index: Tensor) -> Tensor:
    """List the objects of the same class and image.

    Args:
        labels: (N,) class index.
        image_index: (N,) index of the object's image.

    Returns:
        (P, 2) int64 rows (object, rival), both orders; no object is its own rival.
    """
    rivals = (labels[:, None] == labels) & (image_index[:, None] == image_index)
    return rivals.fill_diagonal_(False).nonzero()


def holds_point(points: Tensor, boxes: Tensor, pairs: Tensor) -> Tensor:
    """Whether each box of an object holds its rival's point (the released code's overlap).

    Args:
        points: (N, 2) x, y.
        boxes: (N, K, 4) xyxy, same frame.
        pairs: (P, 2) from `rival_pairs`.

    Returns:
        (P, K) bool; a point on the border is outside.
    """
    objects, rivals = pairs.unbind(1)
    return points_in_boxes(points[rivals, None], boxes[objects])


def reaches_bag(boxes: Tensor, valid: Tensor, pairs: Tensor) -> Tensor:
    """Whether each box of an object overlaps any proposal of its rival (the paper's overlap).

    Args:
        boxes: (N, K, 4) xyxy.
        valid: (N, K) bool; the rival's padding overlaps nothing.
        pairs: (P, 2) from `rival_pairs`.

    Returns:
        (P, K) bool; boxes that only touch do not overlap, nor do boxes without an area.
    """
    objects, rivals = pairs.unbind(1)
    has_area = (boxes[..., 0] < boxes[..., 2]) & (boxes[..., 1] < boxes[..., 3])
    first = boxes[objects, :, None]  # (P, K, 1, 4)
    second = boxes[rivals, None]  # (P, 1, K, 4)
    # Comparisons broadcast to one byte per pair of boxes; intersections would take 4 floats.
    meets = (first[..., 0] < second[..., 2]) & (second[..., 0] < first[..., 2])
    meets &= (first[..., 1] < second[..., 3]) & (second[..., 1] < first[..., 3])
    meets &= (has_area & valid)[rivals, None]
    return meets.any(2) & has_area[objects]


def distance_penalty(
    points: Tensor, pairs: Tensor, overlaps: Tensor, num_objects: int, power: float = 1.0
) -> Tensor:
    """W of Eq. 2: the summed distances to the rivals that a box reaches.

    Distances are norms of differences: `torch.cdist` loses up to 0.7 px on pixel coordinates.

    Args:
        points: (N, 2) x, y.
        pairs: (P, 2) rows (object, rival).
        overlaps: (P, K) whether box m of the object reaches the rival.
        num_objects: N.
        power: power of each distance; 1 in the paper, 0.5 in the released code.

    Returns:
        (N, K) float64, px ** power; 0 where a box reaches no rival.
    """
    objects, rivals = pairs.unbind(1)
    exact = points.double()
    distances = torch.linalg.vector_norm(exact[objects] - exact[rivals], dim=1) ** power
    penalty = exact.new_zeros(num_objects, overlaps.shape[1])
    return penalty.index_add_(0, objects, distances[:, None] * overlaps)


def distance_scores(penalty: Tensor) -> Tensor:
    """S_dis of Eq. 2 before its exponent.

    Args:
        penalty: W, (...) >= 0.

    Returns:
        (...) in (0.5, 1], the same type; exactly 1 where W = 0.
    """
    # 1 / 0 is infinite and its sigmoid exactly 1: no rival, no penalty.
    return torch.sigmoid(penalty.reciprocal())


def guide(bags: Bags, cfg: GuidanceConfig) -> Tensor:
    """S_dis of every proposal, exponent included.

    Args:
        bags: N bags of K proposals.
        cfg: which overlap, distance power and exponent; disabled, every score is 1.

    Returns:
        (N, K) float32 in (0.5 ** exponent, 1]; exactly 1 where a box reaches no rival.
    """
    if not cfg.enabled:
        return bags.boxes.new_ones(bags.valid.shape)
    pairs = rival_pairs(bags.labels, bags.image_index)
    if cfg.overlap == "point":
        overlaps = holds_point(bags.points, bags.boxes, pairs)
    else:
        overlaps = reaches_bag(bags.boxes, bags.valid, pairs)
    penalty = distance_penalty(bags.points, pairs, overlaps, bags.num_objects, cfg.distance_power)
    return (distance_scores(penalty) ** cfg.exponent).float()
