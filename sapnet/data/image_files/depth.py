"""The bit depth of images of more than 8 bits: one for a whole data set.

Cameras store 10, 12 or 14 bits in files of 16. Taken for 16 bits, such images turn black; stretched
one by one, equal things look different. So the depth is that of the largest value of the whole data
set, or the one that the user names, and all images are scaled by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.image_files.address import file_of
from sapnet.data.image_files.raster import opened_raster

if TYPE_CHECKING:
    from PIL import Image

DEPTHS = (8, 10, 12, 14, 16)
"""Bit depths of cameras; the depth of a data set is the first that holds its largest value."""

FULL_DEPTH = 16
"""Bits of the files, and the depth where nothing else is known."""

_READERS = 8
_ROWS_AT_ONCE = 1024  # of a large file that are in memory
_BYTE = 255


def is_deep(image: Image.Image) -> bool:
    """Return True if an open image stores more than 8 bits of integers per channel."""
    return image.mode.startswith("I") or has_deep_channels(image)


def has_deep_channels(image: Image.Image) -> bool:
    """Return True for 16 bits in several channels, of which Pillow keeps the upper 8 only."""
    if image.mode.startswith("I") or image.format not in ("PNG", "TIFF"):
        return False
    return any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def deep_values(image: Image.Image, path: Path | str) -> np.ndarray:
    """Read the values of an image of more than 8 bits.

    Args:
        image: the open image; `is_deep` is true of it.
        path: its file, for messages and for the channels that Pillow would cut.

    Returns:
        (H, W) or (H, W, 3) int64 gray or RGB, before any EXIF turn.

    Raises:
        ValueError: a value is negative or has more than 16 bits.
    """
    values = _channels(path) if has_deep_channels(image) else np.asarray(image, np.int64)
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    if least < 0 or most >= 1 << FULL_DEPTH:
        raise ValueError(
            f"{path}: expected values of 0 to {(1 << FULL_DEPTH) - 1}, found {least} to {most}. "
            "Save the image with 16 or 8 bits per channel."
        )
    return values


def to_bytes(values: np.ndarray, bits: int | None, path: Path | str) -> np.ndarray:
    """Scale values of a bit depth to bytes.

    Args:
        values: integers of 0 or more.
        bits: depth of the data set; None for that of the file, 16.
        path: the file, for the message.

    Returns:
        uint8 of the same shape; the largest value of the depth becomes 255.

    Raises:
        ValueError: a value needs more bits.
    """
    depth = FULL_DEPTH if bits is None else bits
    top = (1 << depth) - 1
    most = int(values.max(initial=0))
    if most > top:
        raise ValueError(
            f"{path}: expected values of at most {top} ({depth} bits), found {most}. Name the bit "
            f"depth of all images with --bits {depth_of(most)}."
        )
    return np.rint(values * (_BYTE / top)).astype(np.uint8)


def depth_of(largest: int) -> int:
    """Return the first of `DEPTHS` that holds a value."""
    return next((bits for bits in DEPTHS if largest < 1 << bits), FULL_DEPTH)


def find_depth(paths: Iterable[Path]) -> int | None:
    """Find the bit depth of a data set from its largest value.

    Files of 8 bits cost a look at their header. Files of more are decoded, until one of them shows
    that all 16 bits are used.

    Args:
        paths: the files, or addresses of their parts; those that cannot be read are passed over.

    Returns:
        One of `DEPTHS`; None if no file has more than 8 bits.
    """
    found: int | None = None
    with ThreadPoolExecutor(_READERS) as pool:
        batch: list[Path] = []
        for path in _files(paths):
            batch.append(path)
            if len(batch) == _READERS * 4:
                found = _deeper(found, pool.map(_depth, batch))
                batch = []
            if found == FULL_DEPTH:
                return found
        return _deeper(found, pool.map(_depth, batch))


def raster_depth(path: Path, *, exact: bool = True) -> int | None:
    """Return the bit depth of a file that opens as a raster, read a few rows at a time.

    Args:
        path: the file.
        exact: look at the values; otherwise the type of the values decides.

    Returns:
        One of `DEPTHS` by its largest value; 8 for bytes; None for a file that is no raster, or
        whose values are no integers.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file is damaged.
    """
    with opened_raster(path) as raster:
        if raster is None or raster.dtype.kind not in "iu":
            return None
        if raster.dtype.itemsize == 1:
            return DEPTHS[0]
        if not exact:
            return FULL_DEPTH
        most, bands = 0, tuple(range(raster.bands))
        for y in range(0, raster.height, _ROWS_AT_ONCE):
            rows = min(_ROWS_AT_ONCE, raster.height - y)
            values = raster.read((0, y, raster.width, rows), bands)
            most = max(most, int(values.max(initial=0)))
            if most >= 1 << (FULL_DEPTH - 1):
                break
        return depth_of(most)


def depth_line(bits: int | None, is_given: bool) -> str:
    """Describe the depth in one line for the user; empty for images of 8 bits."""
    if bits is None:
        return ""
    if is_given:
        return f"images of more than 8 bits are read as {bits} bits, as given"
    return (
        f"images of more than 8 bits are read as {bits} bits, which hold the largest value of the "
        "data set; --bits names another depth"
    )


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and those of parts once each."""
    seen: set[Path] = set()
    for path in paths:
        file = file_of(path)
        if file == path or file not in seen:
            yield file
        if file != path:
            seen.add(file)


def _deeper(found: int | None, depths: Iterable[int | None]) -> int | None:
    known = [depth for depth in (found, *depths) if depth is not None]
    return max(known, default=None)


def _depth(path: Path) -> int | None:
    """Return the depth of one file; None for 8 bits, or if it cannot be read."""
    from PIL import Image

    try:
        depth = raster_depth(path)
        if depth is not None:
            return None if depth == DEPTHS[0] else depth
        with Image.open(path) as image:
            if not is_deep(image):
                return None
            return depth_of(int(deep_values(image, path).max(initial=0)))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None  # the pass over the images names such files


def _channels(path: Path | str) -> np.ndarray:
    """Read (H, W, 3) RGB or (H, W) gray of 16 bits with OpenCV; an alpha channel is dropped."""
    import cv2

    content = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(
            f"{path}: 16 bits per channel cannot be read here. Save the image with 8 bits."
        )
    if pixels.ndim == 2:
        return pixels.astype(np.int64)
    color = pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1].repeat(3, axis=2)
    return color[:, :, ::-1].astype(np.int64)
