"""Addresses of parts of image files: a window, a choice of bands.

An address stands wherever the path of an image does, such as
`map.tif#xywh=0,1024,1024,1024&bands=4,3,2`. Windows are spelt as in W3C's media fragments. So a
window of a large image is an image like any other for everything that reads images by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

_ADDRESS = re.compile(
    r"(?P<file>.+)#(?:xywh=(?P<xywh>\d{1,9}(?:,\d{1,9}){3}))?(?P<and>&)?"
    r"(?:bands=(?P<bands>\d{1,4}(?:,\d{1,4})*))?",
    re.DOTALL,
)

NUM_BANDS = (1, 3)
"""Numbers of bands that can be chosen: gray, or red, green and blue."""


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels of an upright image.

    Attributes:
        x: first column.
        y: first row.
        width: columns, at least 1.
        height: rows, at least 1.
    """

    x: int
    y: int
    width: int
    height: int

    def common(self, other: Window) -> Window | None:
        """Return the rectangle that two windows share; None without a pixel."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        width = min(self.x + self.width, other.x + other.width) - x
        height = min(self.y + self.height, other.y + other.height) - y
        return Window(x, y, width, height) if width > 0 and height > 0 else None


@dataclass(frozen=True)
class ImageAddress:
    """A part of an image file.

    Attributes:
        file: name or path of the file.
        window: the part of the upright image; None for all of it.
        bands: numbers of the bands that are read, from 1 on, as red, green and blue or as gray;
            empty for the file's own three.
    """

    file: str
    window: Window | None = None
    bands: tuple[int, ...] = ()

    def __str__(self) -> str:
        parts = []
        if self.window is not None:
            w = self.window
            parts.append(f"xywh={w.x},{w.y},{w.width},{w.height}")
        if self.bands:
            parts.append(f"bands={','.join(map(str, self.bands))}")
        return f"{self.file}#{'&'.join(parts)}" if parts else self.file


def with_bands(path: Path | str, bands: Sequence[int] | None) -> Path:
    """Return the address of a choice of bands of an image; without a choice the path itself."""
    if not bands:
        return Path(path)
    return Path(str(replace(parse_address(path), bands=tuple(bands))))


def parse_address(name: Path | str) -> ImageAddress:
    """Parse the name or path of an image; one without window and bands is a plain file."""
    found = _ADDRESS.fullmatch(str(name))
    if found is None or not (found["xywh"] or found["bands"]):
        return ImageAddress(str(name))
    if bool(found["and"]) != bool(found["xywh"] and found["bands"]):
        return ImageAddress(str(name))
    x, y, width, height = map(int, (found["xywh"] or "0,0,1,1").split(","))
    if min(width, height) < 1:
        return ImageAddress(str(name))
    window = Window(x, y, width, height) if found["xywh"] else None
    bands = tuple(map(int, found["bands"].split(","))) if found["bands"] else ()
    return ImageAddress(found["file"], window, bands)


def is_part(name: Path | str) -> bool:
    """Return True for the address of a part of a file, False for a plain file."""
    return parse_address(name).file != str(name)


def file_of(path: Path | str) -> Path:
    """Return the path of the file that an address is in; a plain path as it is."""
    return Path(parse_address(path).file)


def bands_words(bands: Sequence[int]) -> str:
    """Name a choice of bands, for messages."""
    return f"the bands {','.join(map(str, bands))}" if bands else "the files' own bands"


def check_bands(bands: Sequence[int]) -> None:
    """Check a choice of bands.

    Args:
        bands: numbers from 1 on; empty for none.

    Raises:
        ValueError: there are neither one nor three, or a number is below 1.
    """
    if bands and (len(bands) not in NUM_BANDS or min(bands) < 1):
        raise ValueError(
            "bands: expected the numbers of one band (gray) or of three (red, green, blue), the "
            f"first being 1, found {','.join(map(str, bands))}"
        )
