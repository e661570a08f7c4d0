"""Mask AP as in PASCAL VOC 2010 and later: the area under the precision-recall curve.

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


def category_average_precision(images: Sequence[ImageMasks], threshold: float) -> float:
    """AP of one category.

    Each prediction belongs to the ground-truth mask it overlaps most. It is right if their IoU
    reaches the threshold and no prediction with a better score took that mask.

    Args:
        images: the category's masks, image by image.
        threshold: IoU in (0, 1].

    Returns:
        AP in [0, 1]; NaN without ground truth.
    """
    num_objects = sum(len(image.gt_rles) for image in images)
    if num_objects == 0:
        return float("nan")
    matches = [_match(image, threshold) for image in images]
    scores = np.concatenate([image_scores for image_scores, _ in matches])
    is_right = np.concatenate([image_right for _, image_right in matches])
    is_right = is_right[np.argsort(-scores, kind="stable")]
    return _area_under_curve(is_right, num_objects)


def _match(image: ImageMasks, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Match predictions: scores of those that count, best first, and which are right."""
    order = np.argsort(-image.scores, kind="stable")
    rles, scores = [image.rles[index] for index in order], image.scores[order]
    is_right = np.zeros(len(rles), bool)
    if rles and image.gt_rles:
        ious = rle_iou(rles, image.gt_rles)
        reaches = np.flatnonzero(ious.max(axis=1) >= threshold)
        _, first_to_claim = np.unique(ious.argmax(axis=1)[reaches], return_index=True)
        is_right[reaches[first_to_claim]] = True
    counts = is_right | (share_in_crowds(rles, image.crowd_rles) < threshold)
    return scores[counts], is_right[counts]


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
