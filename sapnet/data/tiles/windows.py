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


LARGEST_ID = 2**53
"""Beyond it, json readers lose digits."""

COPIES = 16
"""Numbers of copies that the last bits of an id have room for; later ones stand before the owner's
id, the last bits being 0."""

_OWNER_BITS = 32


def copy_id(owner: int, number: int) -> int:
    """Return the id of an object in a window that it does not belong to.

    Args:
        owner: its id in the one that it belongs to.
        number: of the copy, from 1 on.

    Raises:
        ValueError: the owner's id is negative or too large.
    """
    most = LARGEST_ID // COPIES if number < COPIES else 1 << _OWNER_BITS
    if not 0 <= owner < most:
        raise ValueError(
            f"object {owner}: expected an id of 0 to {most - 1} in tiled images. Number the "
            "objects anew."
        )
    if number < COPIES:
        return -(owner * COPIES + number)
    return -(((number << _OWNER_BITS) | owner) * COPIES)


def is_copy(annotation_id: int) -> bool:
    """Return True for the id of a click in a window that it does not belong to."""
    return annotation_id < 0


def owner_of(annotation_id: int) -> int:
    """Return the id of an object in the window that it belongs to, of that or of a copy."""
    if not is_copy(annotation_id):
        return annotation_id
    rest, number = divmod(-annotation_id, COPIES)
    return rest if number else rest & ((1 << _OWNER_BITS) - 1)


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
