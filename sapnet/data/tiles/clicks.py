"""Clicks of large images as clicks of their windows.

A click belongs to one window, in which its object keeps its id. Other windows that show a click of
the object, or a part of the mask that came with it, hold a copy of it under a negative id: there,
too, its object is an object and not background.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from sapnet.data.image_files.address import ImageAddress, Window
from sapnet.data.tiles.grid import Parts, Tiling
from sapnet.data.tiles.windows import LARGEST_ID, MOST_WINDOWS, copy_id, is_copy, window_of
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import rle_areas, rle_boxes
from sapnet.geometry.rle_windows import cut_rle
from sapnet.structures.clicks import RLE, Click, ClickSet, ImageRecord


def tile_clicks(clicks: ClickSet, parts: Parts) -> ClickSet:
    """Return the clicks of the windows of images.

    Args:
        clicks: of whole images, upright.
        parts: windows and bands.

    Returns:
        Images named by their address, with the id of the whole image times `MOST_WINDOWS` plus the
        window's number; windows without a click are there, too. Objects in the frame of their
        window; boxes and masks are cut at its border.

    Raises:
        ValueError: an id is negative or too large.
    """
    grouped: dict[int, list[Click]] = defaultdict(list)
    for click in clicks.clicks:
        grouped[click.image_id].append(click)
    images: list[ImageRecord] = []
    tiled: list[Click] = []
    for image in clicks.images:
        records = tile_image(image, parts)
        images += records
        for click in grouped[image.image_id]:
            tiled += _in_windows(click, image, records, parts.tiling)
    order = {image.image_id: place for place, image in enumerate(images)}
    tiled.sort(key=lambda click: order[click.image_id])
    return ClickSet(tuple(images), clicks.categories, tuple(tiled))


def tile_image(image: ImageRecord, parts: Parts) -> list[ImageRecord]:
    """Return the windows of an image as images, in the order of `Tiling.windows`.

    Raises:
        ValueError: the image's id is negative or too large, or it has too many windows.
    """
    whole = Window(0, 0, image.width, image.height)
    windows = [whole] if parts.tiling is None else parts.tiling.windows(image.height, image.width)
    if not 0 <= image.image_id < LARGEST_ID // MOST_WINDOWS or len(windows) > MOST_WINDOWS:
        raise ValueError(
            f"image {image.image_id} ({image.file_name}): expected an id of 0 to "
            f"{LARGEST_ID // MOST_WINDOWS - 1} and at most {MOST_WINDOWS} windows, found "
            f"{len(windows)} windows. Number the images anew, or choose a larger --tile."
        )
    return [
        ImageRecord(
            image.image_id * MOST_WINDOWS + number,
            str(ImageAddress(image.file_name, None if window == whole else window, parts.bands)),
            window.width,
            window.height,
        )
        for number, window in enumerate(windows)
    ]


def own_clicks(clicks: ClickSet) -> tuple[Click, ...]:
    """Return the clicks without their copies in other windows."""
    return tuple(click for click in clicks.clicks if not is_copy(click.annotation_id))


def parts_line(clicks: ClickSet, tiled: ClickSet, parts: Parts) -> str:
    """Describe the windows of a data set in one line for the user.

    Args:
        clicks: of whole images.
        tiled: of their windows.
        parts: windows and bands.
    """
    lines = []
    if parts.tiling is not None:
        copies = sum(is_copy(click.annotation_id) for click in tiled.clicks)
        lines.append(
            f"{len(clicks.images)} images become {len(tiled.images)} windows of at most "
            f"{parts.tiling.size} px, which share {parts.tiling.overlap} px with the next one; "
            f"{len(clicks.clicks)} clicks, and {copies} copies in the windows that show them, too"
        )
    if parts.bands:
        lines.append(f"bands {','.join(map(str, parts.bands))} are read")
    return "; ".join(lines)


def _in_windows(
    click: Click, image: ImageRecord, records: list[ImageRecord], tiling: Tiling | None
) -> Iterator[Click]:
    """Yield a click in each window that shows it or its mask, first in the one it belongs to."""
    copy_id(click.annotation_id, 1)  # checks the id
    size = image.height, image.width
    if tiling is None:
        yield click_in_window(click, records[0], click.annotation_id)
        return
    home = tiling.home(click.point, *size)
    yield click_in_window(click, records[home], click.annotation_id)
    shown = {place for point in click.points for place in tiling.showing(point, *size)}
    if click.mask is not None:
        shown.update(_reached(click.mask, records, tiling, size))
    for number, place in enumerate(sorted(shown - {home}), start=1):
        yield click_in_window(click, records[place], copy_id(click.annotation_id, number))


def _reached(
    mask: RLE, records: list[ImageRecord], tiling: Tiling, size: tuple[int, int]
) -> Iterator[int]:
    """Yield the indices of the windows that show a part of a mask."""
    x1, y1, x2, y2 = rle_boxes([mask])[0].tolist()
    for place in tiling.meeting((x1, y1, x2, y2), *size):
        window = window_of(records[place])
        part = cut_rle(mask, (window.x, window.y), (window.height, window.width))
        if rle_areas([part])[0]:
            yield place


def _holds(window: Window, point: tuple[float, float]) -> bool:
    x, y = point
    return window.x <= x < window.x + window.width and window.y <= y < window.y + window.height


def click_in_window(
    click: Click,
    record: ImageRecord,
    annotation_id: int,
    otherwise: tuple[float, float] | None = None,
) -> Click:
    """Return a click in the frame of a window; what lies outside is left out or cut off.

    Args:
        click: of the whole image.
        record: the window.
        annotation_id: the object's id in the window.
        otherwise: the point to take if none of its own lies in the window; None for the middle of
            what the window shows of the mask.

    Raises:
        ValueError: the window shows neither a point nor a part of the mask.
    """
    window = window_of(record)

    def inside(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        held = (point for point in points if _holds(window, point))
        return tuple((x - window.x, y - window.y) for x, y in held)

    box = None if click.box is None else _cut_box(click.box, window)
    mask = (
        None
        if click.mask is None
        else cut_rle(click.mask, (window.x, window.y), (window.height, window.width))
    )
    if mask is not None and not rle_areas([mask])[0]:
        mask = None
    if otherwise is None and mask is not None:
        column, row = middle_pixels([mask])[0].tolist()
        otherwise = (column + 0.5, row + 0.5)
    return replace(
        click,
        annotation_id=annotation_id,
        image_id=record.image_id,
        points=inside(click.points) or (() if otherwise is None else (otherwise,)),
        negative_points=inside(click.negative_points),
        box=box,
        box_score=None if box is None else click.box_score,
        mask=mask,
    )


def _cut_box(
    box: tuple[float, float, float, float], window: Window
) -> tuple[float, float, float, float] | None:
    x1, x2 = (min(max(x - window.x, 0.0), window.width) for x in (box[0], box[2]))
    y1, y2 = (min(max(y - window.y, 0.0), window.height) for y in (box[1], box[3]))
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None
