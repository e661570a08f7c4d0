"""Objects that were probably not clicked: what the segmenter sees and no label covers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.data.coco_json import frame_records
from sapnet.data.matching.categories import match_categories
from sapnet.geometry.covering import covered_shares, unexplained
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import encode_masks, rle_areas, rle_to_json
from sapnet.labelling.config import MIN_MISSED_SCORE
from sapnet.structures.coverage import coverage_of
from sapnet.system.files import write_json_atomic
from sapnet.system.lock import locked

if TYPE_CHECKING:
    from sapnet.evaluation.label_file import Label, LabelSet
    from sapnet.prediction.sapnet import SAPNet
    from sapnet.structures.clicks import RLE, IgnoredRegion, ImageRecord

MAX_IGNORED = 0.5
"""Share of an instance in an ignored region from which on nobody is asked about it."""

_BATCH = 8  # images at a time


@dataclass(frozen=True)
class MissedObject:
    """An object that was probably not clicked.

    Attributes:
        image_id: its image.
        category_id: its category, by the ids of the labels.
        point: (x, y) of a pixel near its middle, in the original frame: a click to add.
        rle: its mask, original frame.
        score: of the segmenter, in [0, 1].
    """

    image_id: int
    category_id: int
    point: tuple[float, float]
    rle: RLE
    score: float


def find_missed(
    network: SAPNet, images: Path, labels: LabelSet, min_score: float = MIN_MISSED_SCORE
) -> list[MissedObject]:
    """Find what a trained segmenter sees on labelled images and no label covers.

    Args:
        network: trained on these labels' clicks, or on others of the same categories.
        images: folder of the labelled images.
        labels: written by `sapnet label`; images without labels count as well. What lies in an
            ignored region of its category does not.
        min_score: least score of an instance.

    Returns:
        The objects, the most likely first.

    Raises:
        FileNotFoundError, ValueError: an image is missing or cannot be read, the network has no
            segmenter, or its categories are not those of the labels.
    """
    match = match_categories(network.categories, labels.categories, "the run", "the labels")
    ids = [match.ids[category.category_id] for category in network.categories]
    of_image: dict[int, list[Label]] = defaultdict(list)
    for label in labels.labels.values():
        of_image[label.image_id].append(label)
    found: list[MissedObject] = []
    for start in range(0, len(labels.images), _BATCH):
        records = labels.images[start : start + _BATCH]
        results = network.predict(
            [images / record.file_name for record in records], score_threshold=min_score
        )
        for record, detections in zip(records, results, strict=True):
            if len(detections):
                seen = encode_masks(np.asarray(detections.mask, np.uint8))
                categories = [ids[index] for index in detections.class_id]
                scores = [float(value) for value in detections.confidence]
                keep = uncovered(seen, of_image[record.image_id])
                regions = coverage_of(labels.coverage, record).ignored
                keep = [
                    place for place in keep if is_counted(seen[place], categories[place], regions)
                ]
                found += _objects(record, categories, seen, scores, keep)
    return sorted(found, key=lambda entry: (-entry.score, entry.image_id, entry.point))


def uncovered(seen: Sequence[RLE], labels: Sequence[Label]) -> list[int]:
    """Return which instances are of no labelled object.

    An instance that holds a click of any object is that object, or a group of it. One that labels
    cover largely is a part.

    Args:
        seen: masks of instances, the best first. Later ones that earlier ones cover are left out.
        labels: of the same image.

    Returns:
        Positions in `seen`, ascending.
    """
    points = [label.point for label in labels if label.point is not None]
    return unexplained(seen, points, [label.rle for label in labels])


def is_counted(seen: RLE, category_id: int, regions: Sequence[IgnoredRegion]) -> bool:
    """Return False for an instance that lies mostly in an ignored region of its category."""
    own = [region.mask for region in regions if region.category_id == category_id]
    return bool(covered_shares([seen], own).max(initial=0) < MAX_IGNORED)


def _objects(
    record: ImageRecord,
    categories: Sequence[int],
    seen: Sequence[RLE],
    scores: Sequence[float],
    keep: Sequence[int],
) -> list[MissedObject]:
    middles = middle_pixels([seen[place] for place in keep]) + 0.5
    return [
        MissedObject(
            record.image_id,
            categories[place],
            (float(x), float(y)),
            seen[place],
            scores[place],
        )
        for place, (x, y) in zip(keep, middles, strict=True)
    ]


def save_missed(path: Path, missed: Sequence[MissedObject], labels: LabelSet) -> Path:
    """Write likely missed objects as a clicks file, the most likely first, atomically."""
    annotations: list[dict[str, Any]] = []
    areas = rle_areas([entry.rle for entry in missed]) if missed else np.zeros(0)
    for number, (entry, area) in enumerate(zip(missed, areas, strict=True), 1):
        annotations.append(
            {
                "id": number,
                "image_id": entry.image_id,
                "category_id": entry.category_id,
                "point": list(entry.point),
                "score": round(entry.score, 4),
                "area": int(area),
                "seen_mask": rle_to_json(entry.rle),
            }
        )
    frame = frame_records(labels.images, labels.categories, labels.coverage)
    content = {**frame, "annotations": annotations}
    with locked(path):
        return write_json_atomic(path, content, indent=None)
