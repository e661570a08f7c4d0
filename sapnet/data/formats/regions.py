"""Marks of images in foreign files: partial ones, and regions to ignore."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sapnet.data.coverage.ignored import box_outline, with_regions
from sapnet.data.formats.marks import IGNORED_CATEGORIES, Findings, Mark, SourceImage
from sapnet.data.formats.object_masks import join_mask
from sapnet.geometry.damage import damaged_rles
from sapnet.geometry.rle import rle_areas, to_rle
from sapnet.structures.clicks import RLE, Category, Coverage, ImageRecord


def read_coverage(
    listed: Iterable[SourceImage],
    regions: Iterable[Mark],
    images: Mapping[str, ImageRecord],
    categories: Sequence[Category],
    findings: Findings,
) -> dict[int, Coverage]:
    """Return what was annotated of the images of a file.

    Args:
        listed: the images as the file lists them.
        regions: marks of regions to ignore, with outlines, a mask or a box.
        images: the images that were found, by their reference.
        categories: all categories. A region of `__ignore__` or `DontCare` is one of each.
        findings: collects regions that cannot be used.

    Returns:
        Coverage by image id; only of images of which something is said.
    """
    ids = {category.name: category.category_id for category in categories}
    partial = {}
    for entry in listed:
        if entry.partial is not None and entry.reference in images:
            names = ids if entry.partial is True else entry.partial
            own = tuple(sorted(ids[name] for name in names if name in ids))
            partial[images[entry.reference].image_id] = own
    found = []
    for mark in regions:
        image = images.get(mark.reference)
        mask = None if image is None else _mask(mark, image, findings)
        names = ids if mark.category in IGNORED_CATEGORIES else (mark.category,)
        if image is None or mask is None or not any(name in ids for name in names):
            findings.skip("regions to ignore without an area, an image or a category", mark.place)
            continue
        findings.note("regions to ignore", mark.place)
        found += [(image.image_id, ids[name], mask) for name in names if name in ids]
    return with_regions(partial, found)


def _mask(mark: Mark, image: ImageRecord, findings: Findings) -> RLE | None:
    """Return the area of a region: its mask or outlines, else its box."""
    mask = join_mask([mark], image, findings)
    if mask is None and mark.box is not None:
        x1, y1, x2, y2 = mark.box
        try:
            mask = to_rle(box_outline((x1, y1, x2 - x1, y2 - y1)), image.height, image.width)
        except ValueError:
            return None
    if mask is None or damaged_rles([mask])[0] or not rle_areas([mask])[0]:
        return None
    return mask
