"""Parts of images: a window, chosen bands, or a large image at a smaller size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.image_files.address import ImageAddress, Window
from sapnet.data.image_files.decoded import decoded_once
from sapnet.data.image_files.depth import FULL_DEPTH, to_bytes
from sapnet.data.image_files.header import check_inside
from sapnet.data.image_files.raster import Raster, opened_raster

if TYPE_CHECKING:
    from PIL import Image

Decode = Callable[[Path], np.ndarray]
"""A function that decodes a whole file to (H, W, 3) uint8 RGB."""

ROWS_AT_ONCE = 1024
"""Rows of a large file that are in memory at a time."""

_COLORS = 3
_ALPHA_ADDED = (2, 4)  # gray with alpha, RGB with alpha or infrared: the last one is left out


def load_part(address: ImageAddress, bits: int | None, decode: Decode) -> np.ndarray:
    """Load a part of an image as RGB.

    Args:
        address: the file, a window of it, a choice of bands.
        bits: bit depth of values of more than 8 bits; None for the 16 bits of the file.
        decode: used for files whose windows cannot be read alone; its result is kept on disk.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the window or a band is not in the file, or its values have no known range.
    """
    path = Path(address.file)
    with opened_raster(path) as raster:
        if raster is not None:
            bands = chosen_bands(raster.bands, address.bands, path)
            window = address.window or Window(0, 0, raster.width, raster.height)
            check_inside(window, (raster.height, raster.width), path)
            area = (window.x, window.y, window.width, window.height)
            return to_rgb(raster.read(area, bands), bits, path)
    pixels = decoded_once(path, bits, decode)
    bands = chosen_bands(_COLORS, address.bands, path)
    window = address.window or Window(0, 0, pixels.shape[1], pixels.shape[0])
    check_inside(window, (pixels.shape[0], pixels.shape[1]), path)
    rows = slice(window.y, window.y + window.height)
    cut = pixels[rows, window.x : window.x + window.width]
    return to_rgb(cut[:, :, list(bands)], bits, path)


def load_smaller(
    address: ImageAddress, size: tuple[int, int], bits: int | None, decode: Decode
) -> Image.Image:
    """Load all of a large image at a smaller size: from its pyramid, else row by row.

    Args:
        address: the file and a choice of bands, without a window.
        size: wanted (height, width), not larger than the image.
        bits: as in `load_part`.
        decode: as in `load_part`.

    Returns:
        The upright image, RGB, of that size.

    Raises:
        FileNotFoundError, ValueError: as in `load_part`.
    """
    from PIL import Image

    path = Path(address.file)
    with opened_raster(path) as raster:
        if raster is None:
            pixels = decoded_once(path, bits, decode)
            bands = chosen_bands(_COLORS, address.bands, path)
            whole = (pixels.shape[0], pixels.shape[1])
            small = _shrunk(whole, size, lambda y, end: np.array(pixels[y:end][:, :, list(bands)]))
        else:
            bands = chosen_bands(raster.bands, address.bands, path)
            values = raster.read_smaller(size, bands)
            if values is None:
                small = _shrunk_rows(raster, size, bands, bits, path)
            else:
                small = to_rgb(values, bits, path)
    return Image.fromarray(small).resize((size[1], size[0]), Image.Resampling.BILINEAR)


def check_bands_of(path: Path, wanted: Sequence[int] | None) -> None:
    """Check that a file has the bands that are to be read, or three that need no choice.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no such band, or none was chosen of more than four.
    """
    with opened_raster(path) as raster:
        chosen_bands(_COLORS if raster is None else raster.bands, tuple(wanted or ()), path)


def chosen_bands(count: int, wanted: tuple[int, ...], path: Path) -> tuple[int, ...]:
    """Return the indices of the bands to read.

    Args:
        count: bands of the file.
        wanted: the choice, numbers from 1 on; empty for none.
        path: the file, for messages.

    Raises:
        ValueError: there is no such band, or none was chosen of more than four.
    """
    if wanted:
        if max(wanted) > count:
            raise ValueError(
                f"{path}: expected band numbers of 1 to {count}, found "
                f"{','.join(map(str, wanted))}. Correct --bands."
            )
        return tuple(band - 1 for band in wanted)
    if count > max(_ALPHA_ADDED):
        raise ValueError(
            f"{path}: expected a choice among its {count} bands. Name red, green and blue, or one "
            "band for gray, such as --bands [3,2,1]."
        )
    return tuple(range(count - (count in _ALPHA_ADDED)))


def to_rgb(values: np.ndarray, bits: int | None, path: Path) -> np.ndarray:
    """Convert values of one or three bands to RGB bytes.

    Args:
        values: (H, W, 1 or 3).
        bits: as in `load_part`.
        path: the file, for messages.

    Returns:
        (H, W, 3) uint8, C-contiguous and writable.

    Raises:
        ValueError: they are no integers of 0 to 65535, or have more bits.
    """
    if values.dtype.kind not in "iu":
        raise ValueError(
            f"{path}: expected 8 or 16 bits per channel, found {values.dtype} values, whose range "
            "is unknown. Save the image with 8 or 16 bits per channel."
        )
    if values.dtype.itemsize > 1 or values.dtype.kind == "i":
        least, most = int(values.min(initial=0)), int(values.max(initial=0))
        if least < 0 or most >= 1 << FULL_DEPTH:
            raise ValueError(
                f"{path}: expected values of 0 to {(1 << FULL_DEPTH) - 1}, found {least} to {most}."
                " Save the image with 16 or 8 bits per channel."
            )
        values = to_bytes(values, bits, path)
    color = values if values.shape[2] == _COLORS else np.repeat(values[:, :, :1], _COLORS, axis=2)
    return np.array(color, order="C")


def _shrunk_rows(
    raster: Raster, size: tuple[int, int], bands: tuple[int, ...], bits: int | None, path: Path
) -> np.ndarray:
    def rows(y: int, end: int) -> np.ndarray:
        values = raster.read((0, y, raster.width, end - y), bands)
        return to_rgb(values, bits, path)

    return _shrunk((raster.height, raster.width), size, rows)


def _shrunk(
    whole: tuple[int, int], size: tuple[int, int], rows: Callable[[int, int], np.ndarray]
) -> np.ndarray:
    """Average blocks of pixels, as large as the wanted size allows, a few rows at a time."""
    from PIL import Image

    factor = max(1, min(have // want for have, want in zip(whole, size, strict=True)))
    step = max(factor, ROWS_AT_ONCE // factor * factor)
    parts = []
    for y in range(0, whole[0], step):
        block = rows(y, min(y + step, whole[0]))
        color = block if block.shape[2] == _COLORS else np.repeat(block, _COLORS, axis=2)
        parts.append(np.asarray(Image.fromarray(color).reduce(factor)))
    return np.concatenate(parts)
