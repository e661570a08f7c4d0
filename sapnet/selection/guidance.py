"""Point-distance guidance (PDG, Eq. 2): boxes that reach rivals of their class score less.

W[i, m] sums, over the rivals j of object i that box m reaches, the distance of their points to the
power `distance_power`; S_dis = sigmoid(1 / W), exactly 1 where W = 0. Rivals of an object are the
other objects of its class in its image; they are few, so pairs are listed instead of a dense
(N, K, N) tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from sapnet.geometry.boxes import boxes_meet, hull_boxes, points_in_boxes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from sapnet.selection.config import GuidanceConfig
    from sapnet.structures.batch import Bags

CHUNK_COMPARISONS = 2**23
"""Pairs of rivals' boxes compared at a time, at most: one byte each, twice."""


def rival_pairs(labels: Tensor, image_index: Tensor) -> Tensor:
    """List the objects of the same class and image.

    Args:
        labels: (N,) class index.
        image_index: (N,) index of the object's image.

    Returns:
        (P, 2) int64 rows (object, rival), both orders, sorted; no object is its own rival.
    """
    return torch.cat(list(iterate_rivals(labels, image_index, max(1, len(labels)))))


def iterate_rivals(labels: Tensor, image_index: Tensor, objects_per_chunk: int) -> Iterator[Tensor]:
    """List the objects of the same class and image, some objects at a time.

    Args:
        labels: (N,) class index.
        image_index: (N,) index of the object's image.
        objects_per_chunk: objects whose rivals are listed at a time.

    Yields:
        (P, 2) int64 rows (object, rival) as in `rival_pairs`.
    """
    # A stable order by label and then by image puts each class of an image together, in order.
    order = labels.argsort(stable=True)
    order = order[image_index[order].argsort(stable=True)]
    images, classes = image_index[order], labels[order]
    begins = torch.ones_like(order, dtype=torch.bool)
    begins[1:] = (images[1:] != images[:-1]) | (classes[1:] != classes[:-1])
    sorted_group = begins.cumsum(0) - 1
    sizes = torch.bincount(sorted_group)
    starts = sizes.cumsum(0) - sizes
    group = torch.empty_like(sorted_group).index_copy_(0, order, sorted_group)
    for chunk in torch.split(torch.arange(len(labels), device=labels.device), objects_per_chunk):
        # Every object meets its whole class; itself is taken out at the end.
        meetings = sizes[group[chunk]]
        objects = chunk.repeat_interleave(meetings)
        skipped = (meetings.cumsum(0) - meetings - starts[group[chunk]])[objects - chunk[:1]]
        rivals = order[torch.arange(len(objects), device=labels.device) - skipped]
        yield torch.stack([objects, rivals], 1)[objects != rivals]


def holds_point(points: Tensor, boxes: Tensor, pairs: Tensor) -> Tensor:
    """Test if each box of an object holds its rival's point (overlap of the released code).

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
    """Test if each box of an object overlaps any proposal of its rival (paper's overlap).

    Args:
        boxes: (N, K, 4) xyxy.
        valid: (N, K) bool; the rival's padding overlaps nothing.
        pairs: (P, 2) from `rival_pairs`.

    Returns:
        (P, K) bool; boxes that only touch do not overlap, nor do boxes without an area.
    """
    objects, rivals = pairs.unbind(1)
    has_area = (boxes[..., :2] < boxes[..., 2:]).all(-1).T  # (K, N)
    # Pairs last, so that every comparison runs over memory in order. One byte per pair of boxes;
    # intersections would take 4 floats.
    own = boxes.permute(2, 1, 0)[..., objects][:, :, None]  # (4, K, 1, P)
    others = boxes.permute(2, 1, 0)[..., rivals]  # (4, K, P)
    meets = own[0] < others[2]  # (K, K, P)
    meets &= own[2] > others[0]
    meets &= own[1] < others[3]
    meets &= own[3] > others[1]
    meets &= (has_area & valid.T)[:, rivals]
    return (meets.any(1) & has_area[:, objects]).T


def distance_penalty(
    points: Tensor, pairs: Tensor, overlaps: Tensor, num_objects: int, power: float = 1.0
) -> Tensor:
    """Sum the distances to the rivals that a box reaches (W of Eq. 2).

    Distances are norms of differences: `torch.cdist` loses up to 0.7 px on pixel coordinates.

    Args:
        points: (N, 2) x, y.
        pairs: (P, 2) rows (object, rival).
        overlaps: (P, K) bool, True if box m of the object reaches the rival.
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
        cfg: overlap, distance power and exponent; disabled, every score is 1.

    Returns:
        (N, K) float32 in (0.5 ** exponent, 1]; exactly 1 where a box reaches no rival.
    """
    if not cfg.enabled:
        return bags.boxes.new_ones(bags.valid.shape)
    hulls = hull_boxes(bags.boxes)
    penalty = bags.points.new_zeros(bags.valid.shape, dtype=torch.float64)
    comparisons = max(1, bags.num_objects * bags.num_proposals**2)  # of one object, at most
    per_chunk = max(1, CHUNK_COMPARISONS // comparisons)
    for pairs in iterate_rivals(bags.labels, bags.image_index, per_chunk):
        objects, rivals = pairs.unbind(1)
        # Most rivals are far away: no box reaches what the hull of all does not reach.
        if cfg.overlap == "point":
            near = pairs[points_in_boxes(bags.points[rivals], hulls[objects])]
            overlaps = holds_point(bags.points, bags.boxes, near)
        else:
            near = pairs[boxes_meet(hulls[objects], hulls[rivals])]
            overlaps = reaches_bag(bags.boxes, bags.valid, near)
        penalty += distance_penalty(
            bags.points, near, overlaps, bags.num_objects, cfg.distance_power
        )
    return (distance_scores(penalty) ** cfg.exponent).float()
