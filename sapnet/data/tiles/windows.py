"""Windows of large images as images: their ids, places and whole images."""

from __future__ import annotations

from collections.abc import Iterable

from sapnet.data.image_files.address import Window, parse_address
from sapnet.structures.clicks import ImageRecord

MOST_WINDOWS = 1_000_000
"""Windows of one image that ids have room for."""


def window_of(image: ImageRecord) -> Window:
    """Return the window that an image shows of its file; of a whole one all of it."""
    found = parse_address(image.file_name).window
    return Window(0, 0, image.width, image.height) if found is None else found


def is_copy(annotation_id: int) -> bool:
    """Return True for the id of a click in a window that it does not belong to."""
    return annotation_id < 0


def whole_images(windows: Iterable[ImageRecord]) -> tuple[ImageRecord, ...]:
    """Return the images that windows of `tile_clicks` are of; each is covered by its windows."""
    found: dict[int, ImageRecord] = {}
    for image in windows:
        window, whole_id = window_of(image), image.image_id // MOST_WINDOWS
        width, height = window.x + window.width, window.y + window.height
        if whole_id in found:
            width = max(width, found[whole_id].width)
            height = max(height, found[whole_id].height)
        found[whole_id] = ImageRecord(whole_id, parse_address(image.file_name).file, width, height)
    return tuple(found.values())
