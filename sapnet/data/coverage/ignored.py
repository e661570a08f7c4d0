"""Ignored regions of COCO-style files: crowds, and objects that are too difficult.

A region is an annotation with `iscrowd: 1`, `ignore: 1` or `difficult: 1`. COCO's tools know the
first alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from sapnet.structures.clicks import RLE, Coverage, IgnoredRegion
from sapnet.system.outside import shown

if TYPE_CHECKING:
    from sapnet.data.problems import RecordError

IGNORING = ("iscrowd", "ignore", "difficult")
"""Keys of an annotation that make it a region to ignore."""


class NamesProblems(Protocol):
    """A file that names an annotation in an error."""

    def problem(self, annotation: dict[str, Any], message: str) -> RecordError:
        """Return the error for one annotation, to be raised by the caller."""


def is_ignored(coco: NamesProblems, annotation: dict[str, Any]) -> bool:
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


def moved_regions(coverage: Coverage, moved: Mapping[int, int | None]) -> Coverage:
    """Return the marks of an image after classes were merged or deleted.

    Args:
        coverage: of the image; its regions of merged classes get the class that they went into.
        moved: classes that are gone, by id, each with the one that took its objects; None for none.
    """
    regions = []
    for region in coverage.ignored:
        category_id = moved.get(region.category_id, region.category_id)
        if category_id is not None:
            regions.append(replace(region, category_id=category_id))
    return replace(coverage, ignored=tuple(regions))
