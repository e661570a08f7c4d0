"""The mask of an object, joined from the masks and outlines of its marks."""

from __future__ import annotations

from collections.abc import Sequence

from sapnet.data.formats.marks import Findings, Mark
from sapnet.geometry.rle import merge_rles, run_lengths, to_rle
from sapnet.structures.clicks import RLE, ImageRecord

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
