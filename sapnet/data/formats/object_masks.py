"""Masks of objects and of regions to ignore, joined from the masks and outlines of marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sapnet.data.coverage.ignored import box_outline, with_regions
from sapnet.data.formats.marks import IGNORED_CATEGORIES, Findings, Mark, SourceImage
from sapnet.geometry.rle import merge_rles, rle_areas, run_lengths, to_rle
from sapnet.structures.clicks import RLE, Category, Coverage, ImageRecord

_MIN_CORNERS = 3


def join_mask(marks: Sequence[Mark], image: ImageRecord, findings: Findings) -> RLE | None:
    """Join the masks and the filled outlines of an object.

    Args:
        marks: the marks of the object.
        image: its image.
        findings: collects what is left out: masks of another size than the image, outlines that
            cannot be filled, damaged masks that would have to be joined.

    Returns:
        A mask of the image's size, None if there is none. A single mask is not checked.
    """
    rles = []
    for mark in marks:
        if mark.mask is not None and mark.mask["size"] != [image.height, image.width]:
            findings.skip("masks of another size than their image", mark.place)
        elif mark.mask is not None:
            rles.append(mark.mask)
        for polygon in mark.polygons:
            if len(polygon) < _MIN_CORNERS:
                findings.skip("outlines of fewer than three corners", mark.place)
                continue
            flat = [float(coordinate) for point in polygon for coordinate in point]
            try:
                rles.append(to_rle([flat], image.height, image.width))
            except ValueError as error:
                findings.skip("outlines that cannot be filled", f"{mark.place}: {error}")
    if len(rles) < 2:
        return rles[0] if rles else None
    if not all(map(_is_whole, rles)):
        where = f"{marks[0].place}: run lengths that do not cover its image"
        findings.skip("masks that cannot be read", where)
        return None
    return merge_rles(rles)


def _is_whole(rle: RLE) -> bool:
    counts, _ = run_lengths([rle["counts"]])
    return bool(counts.sum() == rle["size"][0] * rle["size"][1] and (counts >= 0).all())


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
        mask = None if image is None else _area_of(mark, image, findings)
        names = ids if mark.category in IGNORED_CATEGORIES else (mark.category,)
        if image is None or mask is None or not any(name in ids for name in names):
            findings.skip("regions to ignore without an area, an image or a category", mark.place)
            continue
        findings.note("regions to ignore", mark.place)
        found += [(image.image_id, ids[name], mask) for name in names if name in ids]
    return with_regions(partial, found)


def _area_of(mark: Mark, image: ImageRecord, findings: Findings) -> RLE | None:
    """Return the area of a region: its mask or outlines, else its box."""
    mask = join_mask([mark], image, findings)
    if mask is None and mark.box is not None:
        x1, y1, x2, y2 = mark.box
        try:
            mask = to_rle(box_outline((x1, y1, x2 - x1, y2 - y1)), image.height, image.width)
        except ValueError:
            return None
    if mask is None or not _is_whole(mask) or not rle_areas([mask])[0]:
        return None
    return mask
