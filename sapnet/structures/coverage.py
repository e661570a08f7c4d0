"""Marks of images: complete or partial, and regions to ignore.

An image is *complete* if all its objects are clicked, and *partial* if some may not be. Regions are
those of crowds and of objects that nobody can judge: neither object nor background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from sapnet.structures.clicks import Coverage

if TYPE_CHECKING:
    from sapnet.structures.clicks import IgnoredRegion, ImageRecord

Unmarked = Literal["complete", "partial"]
"""What images count as that nobody marked as either."""


NOTHING_SAID = Coverage()
"""Coverage of an image that nobody marked."""


def partial_categories(
    coverage: Coverage, category_ids: Iterable[int], unmarked: Unmarked
) -> tuple[int, ...]:
    """Return the ids of the categories of which some objects of an image may not be clicked.

    Args:
        coverage: of the image.
        category_ids: all categories.
        unmarked: what the image counts as if nobody marked it.
    """
    if coverage.partial is not None:
        return coverage.partial
    return tuple(sorted(category_ids)) if unmarked == "partial" else ()


def coverage_of(coverage: Mapping[int, Coverage], image: ImageRecord) -> Coverage:
    """Return what was annotated of an image; regions of another size than it are left out."""
    found = coverage.get(image.image_id, NOTHING_SAID)
    size = [image.height, image.width]
    return replace(found, ignored=tuple(r for r in found.ignored if r.mask["size"] == size))


def with_ignored(coverage: Coverage, regions: Iterable[IgnoredRegion]) -> Coverage:
    """Add regions to ignore."""
    return replace(coverage, ignored=(*coverage.ignored, *regions))


def mark_unmarked(
    coverage: Mapping[int, Coverage],
    image_ids: Iterable[int],
    category_ids: Iterable[int],
    unmarked: Unmarked,
) -> dict[int, Coverage]:
    """Mark the images that nobody marked as complete or partial.

    Args:
        coverage: by image id.
        image_ids: all images.
        category_ids: all categories.
        unmarked: what the unmarked ones become.
    """
    every = tuple(sorted(category_ids))
    found = {}
    for image_id in image_ids:
        before = coverage.get(image_id, NOTHING_SAID)
        found[image_id] = replace(before, partial=partial_categories(before, every, unmarked))
    return found


def only_images(coverage: Mapping[int, Coverage], image_ids: Iterable[int]) -> dict[int, Coverage]:
    """Return the coverage of these images alone; those of which nothing was said have none."""
    return {image_id: coverage[image_id] for image_id in image_ids if image_id in coverage}
