"""What of an image was annotated: categories that are not all clicked, and regions to ignore.

An image is *complete* if all its objects are clicked, and *partial* if some may not be. Regions are
those of crowds and of objects that nobody can judge: neither object nor background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE, ImageRecord

Unmarked = Literal["complete", "partial"]
"""What images count as that nobody marked as either."""


@dataclass(frozen=True)
class IgnoredRegion:
    """A region in which objects of a category are neither learned nor counted.

    Attributes:
        category_id: the category, by its id in the file.
        mask: the region, of its image's size.
    """

    category_id: int
    mask: RLE


@dataclass(frozen=True)
class Coverage:
    """What of one image was annotated.

    Attributes:
        partial: ids of the categories of which some objects may not be clicked, ascending; empty
            for a complete image, None if nothing was said.
        ignored: regions to ignore.
    """

    partial: tuple[int, ...] | None = None
    ignored: tuple[IgnoredRegion, ...] = ()

    def __bool__(self) -> bool:
        return self.partial is not None or bool(self.ignored)


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
