"""Regions of COCO-style files that are ignored: crowds, and objects that are too difficult.

A region is an annotation with `iscrowd: 1`, `ignore: 1` or `difficult: 1`. COCO's tools know the
first alone, which is what is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sapnet.geometry.rle import rle_areas, rle_boxes, rle_to_json
from sapnet.structures.coverage import Coverage, IgnoredRegion
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from sapnet.data.coco_json import CocoFile, Record
    from sapnet.structures.clicks import RLE

IGNORING = ("iscrowd", "ignore", "difficult")
"""Keys of an annotation that make it a region to ignore."""


def is_ignored(coco: CocoFile, annotation: Record) -> bool:
    """Return True if an annotation marks a region to ignore.

    Raises:
        RecordError: one of the keys is neither 0 nor 1.
    """
    for key in IGNORING:
        value = annotation.get(key)
        if value not in (0, 1, None):
            raise coco.problem(
                annotation, f"expected '{key}' as 0 or 1, found {shown(value)}. Correct it."
            )
    return any(annotation.get(key) for key in IGNORING)


def box_outline(box: Iterable[float]) -> list[list[float]]:
    """Return the polygon of a box `[x, y, width, height]`, as a segmentation."""
    x, y, width, height = box
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def with_regions(
    partial: Mapping[int, tuple[int, ...]], regions: Iterable[tuple[int, int, RLE]]
) -> dict[int, Coverage]:
    """Join what is partial with regions to ignore.

    Args:
        partial: categories that are not all annotated, by image id.
        regions: image id, category id and mask of each region.

    Returns:
        Coverage by image id; only of images of which something was said.
    """
    ignored: dict[int, list[IgnoredRegion]] = defaultdict(list)
    for image_id, category_id, mask in regions:
        ignored[image_id].append(IgnoredRegion(category_id, mask))
    return {
        image_id: Coverage(partial.get(image_id), tuple(ignored.get(image_id, ())))
        for image_id in (*partial, *(i for i in ignored if i not in partial))
    }


def region_records(coverage: Mapping[int, Coverage], first_id: int) -> list[dict[str, Any]]:
    """Return an annotation with `iscrowd: 1` for each ignored region.

    Args:
        coverage: by image id.
        first_id: an id from which on all are free.
    """
    found = [(image_id, region) for image_id, c in coverage.items() for region in c.ignored]
    masks = [region.mask for _, region in found]
    boxes = rle_boxes(masks).tolist()
    areas = rle_areas(masks).tolist()
    return [
        {
            "id": first_id + place,
            "image_id": image_id,
            "category_id": region.category_id,
            "segmentation": rle_to_json(region.mask),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": int(area),
            "iscrowd": 1,
        }
        for place, ((image_id, region), (x1, y1, x2, y2), area) in enumerate(
            zip(found, boxes, areas, strict=True)
        )
    ]
