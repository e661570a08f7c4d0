"""Objects that were probably not clicked: what the segmenter sees and no label covers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.data.coco_json import BANDS_KEY, INFO_KEY, frame_records
from sapnet.data.image_files.inside import image_path
from sapnet.data.matching.categories import match_categories
from sapnet.geometry.covering import covered_shares, unexplained
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import rle_areas, rle_to_json
from sapnet.labelling.config import MissedConfig
from sapnet.prediction.windows.objects import find_objects
from sapnet.structures.coverage import coverage_of
from sapnet.system.files import write_json_atomic
from sapnet.system.lock import locked

if TYPE_CHECKING:
    from sapnet.evaluation.label_file import Label, LabelSet
    from sapnet.prediction.predictor import Predictor
    from sapnet.structures.clicks import RLE, IgnoredRegion, ImageRecord
    from sapnet.structures.outputs import FoundObjects

MAX_IGNORED = 0.5
"""Share of an instance in an ignored region from which on nobody is asked about it."""


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
    network: Predictor, images: Path, labels: LabelSet, cfg: MissedConfig | None = None
) -> list[MissedObject]:
    """Find what a trained segmenter sees on labelled images and no label covers.

    Args:
        network: trained on these labels' clicks, or on others of the same categories.
        images: folder of the labelled images.
        labels: written by `sapnet label`; images without labels count as well. What lies in an
            ignored region of its category does not.
        cfg: least score, and windows of large images; None for the defaults.

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
    paths = [image_path(images, record.file_name) for record in labels.images]
    found: list[MissedObject] = []
    results = find_objects(network, paths, (cfg or MissedConfig()).prediction)
    for record, objects in zip(labels.images, results, strict=True):
        categories = [ids[index] for index in objects.labels]
        keep = uncovered(objects.rles, of_image[record.image_id])
        regions = coverage_of(labels.coverage, record).ignored
        keep = [p for p in keep if is_counted(objects.rles[p], categories[p], regions)]
        found += _objects(record, categories, objects, keep)
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
    record: ImageRecord, categories: Sequence[int], objects: FoundObjects, keep: Sequence[int]
) -> list[MissedObject]:
    middles = middle_pixels([objects.rles[place] for place in keep]) + 0.5
    return [
        MissedObject(
            record.image_id,
            categories[place],
            (float(x), float(y)),
            objects.rles[place],
            objects.scores[place],
        )
        for place, (x, y) in zip(keep, middles, strict=True)
    ]


def save_missed(path: Path, missed: Sequence[MissedObject], labels: LabelSet) -> Path:
    """Write likely missed objects as a clicks file, the most likely first, atomically."""
    annotations: list[dict[str, Any]] = []
    # Ids that no label has: entries can be added to the clicks as they are.
    first_id = max(labels.labels, default=0) + 1
    areas = rle_areas([entry.rle for entry in missed]) if missed else np.zeros(0)
    for number, (entry, area) in enumerate(zip(missed, areas, strict=True), first_id):
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
    info = {BANDS_KEY: list(labels.bands)} if labels.bands else {}
    content = {INFO_KEY: info, **frame, "annotations": annotations}
    with locked(path):
        return write_json_atomic(path, content, indent=None)
