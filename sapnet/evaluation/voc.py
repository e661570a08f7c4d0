"""AP of masks and boxes as in PASCAL VOC 2010: the area under precision over recall.

Everingham et al., The PASCAL Visual Object Classes Challenge 2012 development kit, section 3.4.1;
masks in place of boxes as in Hariharan et al., Simultaneous Detection and Segmentation, ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import rle_areas, rle_iou

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


@dataclass(frozen=True)
class ImageMasks:
    """Predictions and ground truth of one category on one image.

    Attributes:
        rles: P predicted masks.
        scores: (P,) their scores.
        gt_rles: ground-truth masks, each to be found once.
        crowd_rles: masks of crowds; a prediction inside one counts neither for nor against.
    """

    rles: Sequence[RLE]
    scores: np.ndarray
    gt_rles: Sequence[RLE]
    crowd_rles: Sequence[RLE] = ()

    @property
    def num_objects(self) -> int:
        """Number of ground-truth masks."""
        return len(self.gt_rles)

    def ious(self) -> np.ndarray:
        """Return the (P, G) IoU of each prediction with each ground-truth mask."""
        return rle_iou(self.rles, self.gt_rles)

    def crowd_shares(self) -> np.ndarray:
        """Return the largest share (P,) of each prediction that lies in one crowd."""
        return share_in_crowds(self.rles, self.crowd_rles)


@dataclass(frozen=True)
class ImageBoxes:
    """Boxes of one category on one image, as `ImageMasks` has masks.

    Attributes:
        boxes: (P, 4) xyxy predicted boxes; edges are places between pixels.
        scores: (P,) their scores.
        gt_boxes: (G, 4) ground-truth boxes.
        crowd_boxes: (Q, 4) boxes of crowds.
    """

    boxes: np.ndarray
    scores: np.ndarray
    gt_boxes: np.ndarray
    crowd_boxes: np.ndarray

    @property
    def num_objects(self) -> int:
        """Number of ground-truth boxes."""
        return len(self.gt_boxes)

    def ious(self) -> np.ndarray:
        """Return the (P, G) IoU of each prediction with each ground-truth box."""
        shared = _intersections(self.boxes, self.gt_boxes)
        union = _areas(self.boxes)[:, None] + _areas(self.gt_boxes) - shared
        ious: np.ndarray = shared / np.maximum(union, np.finfo(float).tiny)
        return ious

    def crowd_shares(self) -> np.ndarray:
        """Return the largest share (P,) of each prediction that lies in one crowd."""
        shared = _intersections(self.boxes, self.crowd_boxes).max(axis=1, initial=0)
        shares: np.ndarray = shared / np.maximum(_areas(self.boxes), np.finfo(float).tiny)
        return shares


def category_average_precision(
    images: Sequence[ImageMasks] | Sequence[ImageBoxes], threshold: float
) -> float:
    """AP of one category.

    Each prediction belongs to the ground-truth object it overlaps most. It is right if their IoU
    reaches the threshold and no prediction with a better score took that object.

    Args:
        images: the category's masks or boxes, image by image.
        threshold: IoU in (0, 1].

    Returns:
        AP in [0, 1]; NaN without ground truth.
    """
    num_objects = sum(image.num_objects for image in images)
    if num_objects == 0:
        return float("nan")
    matches = [_match(image, threshold) for image in images]
    scores = np.concatenate([image_scores for image_scores, _ in matches])
    is_right = np.concatenate([image_right for _, image_right in matches])
    is_right = is_right[np.argsort(-scores, kind="stable")]
    return _area_under_curve(is_right, num_objects)


def _match(image: ImageMasks | ImageBoxes, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Match predictions: scores of those that count, best first, and which are right."""
    order = np.argsort(-image.scores, kind="stable")
    is_right = np.zeros(len(order), bool)
    if len(order) and image.num_objects:
        ious = image.ious()[order]
        reaches = np.flatnonzero(ious.max(axis=1) >= threshold)
        _, first_to_claim = np.unique(ious.argmax(axis=1)[reaches], return_index=True)
        is_right[reaches[first_to_claim]] = True
    counts = is_right | (image.crowd_shares()[order] < threshold)
    return image.scores[order][counts], is_right[counts]


def _areas(boxes: np.ndarray) -> np.ndarray:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def _intersections(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Compute the areas (P, Q) that boxes share with others."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum(boxes[:, None, 2:], others[:, 2:])
    shared: np.ndarray = (high - low).clip(min=0).prod(axis=2)
    return shared


def share_in_crowds(rles: Sequence[RLE], crowd_rles: Sequence[RLE]) -> np.ndarray:
    """Compute the largest share (P,) of each mask's pixels that lies in one crowd."""
    if not rles or not crowd_rles:
        return np.zeros(len(rles))
    ious = rle_iou(rles, crowd_rles)
    areas = rle_areas(rles)[:, None]
    intersections = ious / (1 + ious) * (areas + rle_areas(crowd_rles))
    shares: np.ndarray = (intersections / np.maximum(areas, 1)).max(axis=1)
    return shares


def _area_under_curve(is_right: np.ndarray, num_objects: int) -> float:
    """Integrate precision over recall, precision made non-increasing; best first."""
    num_right = np.cumsum(is_right)
    precision = num_right / np.arange(1, len(is_right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall_steps = np.diff(num_right, prepend=0) / num_objects
    return float((envelope * recall_steps).sum())
