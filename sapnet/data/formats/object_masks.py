"""The masks of objects, joined from their marks and checked for a whole file at once."""

from __future__ import annotations

from collections.abc import Sequence

from sapnet.data.formats.marks import Findings, Mark
from sapnet.data.formats.points import Point
from sapnet.geometry.damage import damaged_rles
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import merge_rles, rle_areas, to_rle
from sapnet.structures.clicks import RLE, ImageRecord

_MIN_CORNERS = 3
_PIXEL_CENTER = 0.5


def join_masks(
    objects: Sequence[tuple[Sequence[Mark], ImageRecord]], findings: Findings
) -> list[RLE | None]:
    """Join the masks and the filled outlines of each object.

    Args:
        objects: the marks of each object, and its image.
        findings: collects what is left out: masks of another size than their image or without a
            pixel in it, damaged ones, and outlines that cannot be filled.

    Returns:
        A mask of the image's size per object, None if it has none.
    """
    masks = [_join(marks, image, findings) for marks, image in objects]
    held = [index for index, mask in enumerate(masks) if mask is not None]
    rles = [mask for mask in masks if mask is not None]
    is_damaged = damaged_rles(rles).tolist()
    for index, damaged in zip(held, is_damaged, strict=True):
        if damaged:
            place = objects[index][0][0].place
            findings.skip(
                "masks that cannot be read", f"{place}: run lengths that do not cover its image"
            )
            masks[index] = None
    sound = [index for index in held if masks[index] is not None]
    areas = rle_areas([rle for rle, damaged in zip(rles, is_damaged, strict=True) if not damaged])
    for index, area in zip(sound, areas.tolist(), strict=True):
        if area == 0:
            place = objects[index][0][0].place
            findings.skip("masks without a pixel inside their image", place)
            masks[index] = None
    return masks


def middles_of_masks(masks: Sequence[RLE | None], is_needed: Sequence[bool]) -> list[Point | None]:
    """Return the center of the pixel of each mask that is nearest to the center of its box.

    Args:
        masks: a mask per object, None if it has none.
        is_needed: True for the objects whose middle is asked for.

    Returns:
        (x, y) per object; None where there is no mask, or none is needed.
    """
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, (mask, needed) in enumerate(zip(masks, is_needed, strict=True)):
        if mask is not None and needed:
            by_size.setdefault(tuple(mask["size"]), []).append(index)
    found: list[Point | None] = [None] * len(masks)
    for indices in by_size.values():
        rles = [mask for index in indices if (mask := masks[index]) is not None]
        for index, (column, row) in zip(indices, middle_pixels(rles).tolist(), strict=True):
            found[index] = (column + _PIXEL_CENTER, row + _PIXEL_CENTER)
    return found


def _join(marks: Sequence[Mark], image: ImageRecord, findings: Findings) -> RLE | None:
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
    if damaged_rles(rles).any():
        findings.skip("masks that cannot be read", f"{marks[0].place}: damaged run lengths")
        return None
    return merge_rles(rles)
