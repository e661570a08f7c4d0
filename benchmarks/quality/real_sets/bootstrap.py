"""AP of resampled images: how far a share of two APs depends on which images were drawn.

Predictions are matched once, image by image, by COCO's rule. A resample of the images only changes
how often each one counts, so its AP needs no further matching.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.data.coco import Instance, InstanceSet, load_instances
from sapnet.evaluation.predictions import read_results
from sapnet.evaluation.voc import share_in_crowds
from sapnet.geometry.rle import rle_iou

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST = 100
"""Predictions of a category that count on an image, the best ones."""


@dataclass(frozen=True)
class CategoryMatches:
    """Predictions of one category on I images, best first.

    Attributes:
        image: (P,) index of the image.
        hit: (T, P) True if the prediction found an object at this threshold of IoU.
        counts: (T, P) False if the prediction lies in a crowd and counts for nothing.
        objects: (I,) ground-truth objects of each image, crowds left out.
    """

    image: np.ndarray
    hit: np.ndarray
    counts: np.ndarray
    objects: np.ndarray


def match_predictions(results: Path | str, truth: Path | str) -> list[CategoryMatches]:
    """Match predictions with ground truth, each category with objects apart.

    Args:
        results: COCO results json.
        truth: COCO instance json.
    """
    gt = load_instances(truth)
    grouped: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for record in read_results(results, gt):
        grouped.setdefault((record["category_id"], record["image_id"]), []).append(record)
    categories = sorted({one.category_id for one in gt.instances if not one.is_crowd})
    return [_match_category(category, gt, grouped) for category in categories]


def _match_category(
    category: int, gt: InstanceSet, grouped: Mapping[tuple[int, int], list[dict[str, Any]]]
) -> CategoryMatches:
    present: dict[int, list[Instance]] = {image.image_id: [] for image in gt.images}
    for instance in gt.instances:
        if instance.category_id == category:
            present[instance.image_id].append(instance)
    images, scores, hits, counts = [], [], [], []
    for index, (image_id, instances) in enumerate(present.items()):
        found = sorted(grouped.get((category, image_id), []), key=lambda one: -one["score"])[:MOST]
        hit, count = _match_image([one["segmentation"] for one in found], instances)
        images.append(np.full(len(found), index))
        scores.append(np.array([one["score"] for one in found], float))
        hits.append(hit)
        counts.append(count)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    objects = [sum(not one.is_crowd for one in instances) for instances in present.values()]
    return CategoryMatches(
        np.concatenate(images)[order],
        np.concatenate(hits, axis=1)[:, order],
        np.concatenate(counts, axis=1)[:, order],
        np.array(objects),
    )


def _match_image(
    rles: Sequence[Any], instances: Sequence[Instance]
) -> tuple[np.ndarray, np.ndarray]:
    """Match P masks, best first, with the objects of their image.

    Each mask takes the free object that it overlaps most, if their IoU reaches the threshold.

    Returns:
        (T, P) which masks found an object, and (T, P) which ones count.
    """
    objects = [one.rle() for one in instances if not one.is_crowd]
    crowds = [one.rle() for one in instances if one.is_crowd]
    ious = rle_iou(rles, objects)
    hit = np.zeros((len(THRESHOLDS), len(rles)), bool)
    taken = np.zeros((len(THRESHOLDS), len(objects)), bool)
    rows = np.arange(len(THRESHOLDS))
    for place in range(len(rles) if objects else 0):
        free = np.where(taken, -1.0, ious[place])
        # Of equal overlaps, COCO takes the last object.
        best = len(objects) - 1 - free[:, ::-1].argmax(1)
        hit[:, place] = free[rows, best] >= THRESHOLDS - 1e-10
        taken[rows, best] |= hit[:, place]
    in_crowd = share_in_crowds(rles, crowds) >= THRESHOLDS[:, None]
    return hit, hit | ~in_crowd


def average_precisions(matches: Sequence[CategoryMatches], times: np.ndarray) -> np.ndarray:
    """Compute COCO's AP with each image counted some number of times.

    Args:
        matches: of all categories.
        times: (I,) how often each image counts; ones for the plain AP.

    Returns:
        (T,) AP by threshold, mean over the categories that have objects; NaN without any.
    """
    found = [_category_precisions(one, times) for one in matches if one.objects @ times > 0]
    return np.mean(found, axis=0) if found else np.full(len(THRESHOLDS), np.nan)


def _category_precisions(matches: CategoryMatches, times: np.ndarray) -> np.ndarray:
    weights = times[matches.image]
    right = np.cumsum(matches.hit * weights, axis=1)
    seen = np.cumsum(matches.counts * weights, axis=1)
    recall = right / (matches.objects @ times)
    precision = right / np.maximum(seen, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
    places = np.stack([np.searchsorted(row, RECALLS, side="left") for row in recall])
    return np.take_along_axis(padded, places, axis=1).mean(1)


@dataclass(frozen=True)
class Share:
    """A system's AP as a share of another one's, with a 95 % interval over the images."""

    share: float
    low: float
    high: float


def share_of(
    own: Sequence[Sequence[CategoryMatches]],
    other: Sequence[Sequence[CategoryMatches]],
    samples: int,
) -> Share:
    """Compare the mean AP of two systems, trained with some seeds each.

    The images are drawn with replacement, the same ones for both systems.

    Args:
        own: the system's matches by seed.
        other: those of the system it is compared with.
        samples: resamples of the images; the generator's seed is 0.

    Returns:
        The share of all images, and the 2.5 and 97.5 percentiles of the resamples.
    """
    num_images = len(own[0][0].objects)

    def mean_ap(seeds: Sequence[Sequence[CategoryMatches]], times: np.ndarray) -> float:
        return float(np.mean([average_precisions(matches, times).mean() for matches in seeds]))

    def ratio(times: np.ndarray) -> float:
        below = mean_ap(other, times)
        return mean_ap(own, times) / below if below > 0 else float("nan")

    low, high = np.nanpercentile(_resample(ratio, num_images, samples), (2.5, 97.5))
    return Share(ratio(np.ones(num_images, int)), float(low), float(high))


def _resample(figure: Callable[[np.ndarray], float], num_images: int, samples: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    drawn = generator.integers(num_images, size=(samples, num_images))
    return np.array([figure(np.bincount(row, minlength=num_images)) for row in drawn])
