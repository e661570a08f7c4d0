"""Coverage of large images, in the frame of their windows and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sapnet.data.tiles.windows import MOST_WINDOWS, window_of
from sapnet.geometry.rle import merge_rles, rle_areas
from sapnet.geometry.rle_windows import cut_rle, place_rle
from sapnet.structures.clicks import Coverage, IgnoredRegion
from sapnet.structures.coverage import coverage_of

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE, ImageRecord


def coverage_in_windows(
    coverage: Mapping[int, Coverage], windows: Sequence[ImageRecord]
) -> dict[int, Coverage]:
    """Return what was annotated of windows, by the window's image id.

    Args:
        coverage: of whole images, by image id; a window has the marks of its image and what it
            shows of the regions.
        windows: all windows.
    """
    found = {}
    for record in windows:
        whole = coverage.get(record.image_id // MOST_WINDOWS)
        if not whole:
            continue
        window = window_of(record)
        corner, size = (window.x, window.y), (window.height, window.width)
        cut = [replace(r, mask=cut_rle(r.mask, corner, size)) for r in whole.ignored]
        shown = tuple(region for region in cut if rle_areas([region.mask])[0])
        found[record.image_id] = replace(whole, ignored=shown)
    return found


def whole_coverage(
    coverage: Mapping[int, Coverage],
    windows: Sequence[ImageRecord],
    images: Sequence[ImageRecord],
) -> dict[int, Coverage]:
    """Return what was annotated of whole images, by image id.

    Args:
        coverage: of the windows, by the window's image id.
        windows: all windows.
        images: the whole images.

    Returns:
        The marks of an image's windows, and their regions; those of a category are one.
    """
    sizes = {image.image_id: (image.height, image.width) for image in images}
    partial: dict[int, set[int]] = {}
    regions: dict[int, dict[int, list[RLE]]] = defaultdict(lambda: defaultdict(list))
    for record in windows:
        one, whole = coverage_of(coverage, record), record.image_id // MOST_WINDOWS
        window = window_of(record)
        if one.partial is not None:
            partial.setdefault(whole, set()).update(one.partial)
        for region in one.ignored:
            placed = place_rle(region.mask, (window.x, window.y), sizes[whole])
            regions[whole][region.category_id].append(placed)
    return {
        image_id: Coverage(
            tuple(sorted(partial[image_id])) if image_id in partial else None,
            tuple(
                IgnoredRegion(category_id, merge_rles(masks))
                for category_id, masks in sorted(regions[image_id].items())
            ),
        )
        for image_id in sizes
        if image_id in partial or image_id in regions
    }
