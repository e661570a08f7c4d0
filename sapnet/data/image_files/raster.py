"""Windows of image files that can be read without the rest: TIFF, and what rasterio reads.

`tifffile` reads tiled TIFF and TIFF of small strips; `rasterio`, where it is installed, those of
other compressions and JPEG 2000. Files of other formats have to be decoded as a whole.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
_RASTERIO_SUFFIXES = TIFF_SUFFIXES | {".jp2", ".j2k"}

MOST_SEGMENT_BYTES = 1 << 26
"""Largest strip or tile that is decoded for a window; beyond, the file is decoded once."""

_CACHE_MEGABYTES = 64  # of GDAL; its own default is a share of the machine's memory
_PLAIN = (1, 8, 32773, 32946)  # none, deflate, PackBits: compressions of tifffile's own
_PLAIN_PREDICTORS = (1, 2)
_ORIENTATION_TAG = 274
_MOST_LEVELS = 32  # pages that are looked at for a pyramid


Area: TypeAlias = tuple[int, int, int, int]
"""A rectangle of pixels: x, y, width, height."""


class Raster(Protocol):
    """An open file of which windows are read.

    Attributes:
        height: rows of the file, which is upright.
        width: its columns.
        bands: its bands.
        dtype: type of its values.
    """

    height: int
    width: int
    bands: int
    dtype: np.dtype[Any]

    def read(self, area: Area, bands: tuple[int, ...]) -> np.ndarray:
        """Read the values of a window of the file, (height, width, bands chosen).

        Args:
            area: inside of the file.
            bands: indices from 0 on.
        """

    def read_smaller(self, size: tuple[int, int], bands: tuple[int, ...]) -> np.ndarray | None:
        """Read all of the file from its pyramid, at least of a size (height, width).

        Returns:
            The values; None if the file has no smaller level of that size.
        """


@contextmanager
def opened_raster(path: Path) -> Iterator[Raster | None]:
    """Open a file to read windows; yields None if it has to be decoded as a whole.

    That is the case for formats without windows, for compressions that nothing installed reads, for
    files of one large strip, and for stored pixels that are not gray or colours as they are.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such image file. Check the folder of images.")
    with ExitStack() as stack:
        raster: Raster | None = None
        if path.suffix.lower() in TIFF_SUFFIXES:
            raster = _open_tiff(path, stack)
        if raster is None and path.suffix.lower() in _RASTERIO_SUFFIXES:
            raster = _open_rasterio(path, stack)
        yield raster


def raster_size(path: Path) -> tuple[int, int] | None:
    """Return (height, width) of a file whose windows can be read alone; None for any other.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with opened_raster(path) as raster:
        return None if raster is None else (raster.height, raster.width)


class _Tiff:
    """A TIFF that tifffile reads, segment by segment.

    Args:
        levels: pages of its pyramid, the largest first.
    """

    def __init__(self, levels: list[Any]) -> None:
        page = levels[0]
        self._levels = levels
        self.height, self.width = int(page.imagelength), int(page.imagewidth)
        self.bands = int(page.samplesperpixel)
        self.dtype = np.dtype(page.dtype)

    def read(self, area: Area, bands: tuple[int, ...]) -> np.ndarray:
        return _read_page(self._levels[0], area, bands)

    def read_smaller(self, size: tuple[int, int], bands: tuple[int, ...]) -> np.ndarray | None:
        fit = [p for p in self._levels[1:] if p.imagelength >= size[0] and p.imagewidth >= size[1]]
        if not fit:
            return None
        page = min(fit, key=lambda level: level.imagelength)
        return _read_page(page, (0, 0, page.imagewidth, page.imagelength), bands)


def _open_tiff(path: Path, stack: ExitStack) -> _Tiff | None:
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it warns of is not ours to mend
    try:
        file = stack.enter_context(tifffile.TiffFile(path))
        page = file.pages.first
        if not _is_readable(page, tifffile):
            return None
        # A pyramid lies in the pages that follow (GDAL's), or in pages below the first one (OME's).
        below = page.pages or ()
        smaller = [*islice(file.pages, 1, _MOST_LEVELS), *islice(below, _MOST_LEVELS)]
        levels = [level for level in smaller if _is_level(level, page, tifffile)]
    except Exception:  # a damaged file; Pillow's message names it
        return None
    return _Tiff([page, *levels])


def _is_level(level: Any, page: Any, tifffile: ModuleType) -> bool:  # noqa: ANN401
    """Return True for a page that shows another one at a smaller size."""
    return (
        bool(level.is_reduced)
        and level.dtype == page.dtype
        and level.samplesperpixel == page.samplesperpixel
        and _is_readable(level, tifffile)
    )


def _is_readable(page: Any, tifffile: ModuleType) -> bool:  # noqa: ANN401  # tifffile's page
    """Return True if tifffile decodes the segments of a page to gray or colours, upright."""
    if page.compression not in _PLAIN or page.predictor not in _PLAIN_PREDICTORS:
        if importlib.util.find_spec("imagecodecs") is None:
            return False
    photometric = tifffile.PHOTOMETRIC
    turned = page.tags.valueof(_ORIENTATION_TAG, default=1) not in (0, 1)
    plain = page.photometric in (photometric.MINISBLACK, photometric.RGB)
    dtype = page.dtype
    if turned or not plain or dtype is None or page.imagedepth != 1:
        return False
    height, width = _segment_size(page)
    samples = page.samplesperpixel if page.planarconfig == tifffile.PLANARCONFIG.CONTIG else 1
    small = height * width * samples * dtype.itemsize <= MOST_SEGMENT_BYTES
    return bool(page.bitspersample == 8 * dtype.itemsize and (small or page.is_memmappable))


def _segment_size(page: Any) -> tuple[int, int]:  # noqa: ANN401  # tifffile's page
    """Return (height, width) of the tiles or strips of a page."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _read_page(page: Any, area: Area, bands: tuple[int, ...]) -> np.ndarray:  # noqa: ANN401
    """Read a window of a page, (height, width, bands), decoding the segments that it meets."""
    if page.is_memmappable and page.is_contiguous:
        return _read_plain(page, area, bands)
    left, top, across, down = area
    found = np.zeros((down, across, len(bands)), page.dtype)
    height, width = _segment_size(page)
    columns, rows = -(-page.imagewidth // width), -(-page.imagelength // height)
    separate = page.planarconfig == 2 and page.samplesperpixel > 1
    for row in range(top // height, -(-(top + down) // height)):
        for column in range(left // width, -(-(left + across) // width)):
            here, there = _common(row * height, height, top, down)
            here_x, there_x = _common(column * width, width, left, across)
            for plane, chosen in enumerate(bands) if separate else [(slice(None), 0)]:
                block = _segment(page, (chosen * rows + row) * columns + column)
                if block is not None:
                    block = block[:, :, 0] if separate else block[:, :, list(bands)]
                    found[there, there_x, plane] = block[here, here_x]
    return found


def _common(start: int, length: int, other: int, other_length: int) -> tuple[slice, slice]:
    """Return what two ranges share, counted from the start of the one and of the other."""
    first, last = max(start, other), min(start + length, other + other_length)
    return slice(first - start, last - start), slice(first - other, last - other)


def _read_plain(page: Any, area: Area, bands: tuple[int, ...]) -> np.ndarray:  # noqa: ANN401
    """Read a window of a page that lies uncompressed in its file, without its other rows."""
    handle = page.parent.filehandle
    separate = page.planarconfig == 2 and page.samplesperpixel > 1
    samples, height, width = page.samplesperpixel, page.imagelength, page.imagewidth
    if page.dataoffsets[0] + samples * height * width * page.dtype.itemsize > handle.size:
        raise OSError("it is cut off: pixels are missing at its end")
    values = np.memmap(
        handle.path,
        page.dtype.newbyteorder(page.parent.byteorder),
        "r",
        page.dataoffsets[0],
        (samples, height, width) if separate else (height, width, samples),
    )
    left, top, across, down = area
    rows, columns = slice(top, top + down), slice(left, left + across)
    if separate:
        cut: np.ndarray = np.stack([values[band, rows, columns] for band in bands], 2)
    else:
        cut = np.array(values[rows, columns])[:, :, list(bands)]
    return cut.astype(page.dtype)


def _segment(page: Any, index: int) -> np.ndarray | None:  # noqa: ANN401  # tifffile's page
    """Decode a tile or strip, (rows, columns, samples); None where the file holds none."""
    count = page.databytecounts[index]
    if count == 0:
        return None
    handle = page.parent.filehandle
    handle.seek(page.dataoffsets[index])
    try:
        decoded = page.decode(handle.read(count), index, jpegtables=page.jpegtables)[0]
    except Exception as error:  # each codec raises its own
        raise OSError(f"part {index} of its pixels is damaged: {error}") from error
    return None if decoded is None else np.asarray(decoded[0])


class _Gdal:
    """A file that rasterio reads.

    Args:
        file: an open data set.
    """

    def __init__(self, file: Any) -> None:  # noqa: ANN401  # rasterio's
        self._file = file
        self.height, self.width, self.bands = file.height, file.width, file.count
        self.dtype = np.dtype(file.dtypes[0])

    def read(self, area: Area, bands: tuple[int, ...]) -> np.ndarray:
        x, y, width, height = area
        return self._read(bands, window=((y, y + height), (x, x + width)))

    def read_smaller(self, size: tuple[int, int], bands: tuple[int, ...]) -> np.ndarray | None:
        if not self._file.overviews(1):
            return None
        return self._read(bands, out_shape=(len(bands), *size))

    def _read(self, bands: tuple[int, ...], **kwargs: Any) -> np.ndarray:  # noqa: ANN401
        from rasterio.errors import RasterioError

        try:
            values = self._file.read([band + 1 for band in bands], **kwargs)
        except RasterioError as error:
            raise OSError(f"its pixels are damaged: {error}") from error
        return np.ascontiguousarray(np.moveaxis(values, 0, 2))


def ignore_missing_places() -> None:
    """Silence rasterio's warning about files without a place on the map.

    For the whole process: `catch_warnings` is not for threads, which read images here.
    """
    import warnings

    from rasterio.errors import NotGeoreferencedWarning

    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


def _open_rasterio(path: Path, stack: ExitStack) -> _Gdal | None:
    try:
        import rasterio
        from rasterio.enums import ColorInterp
    except ImportError:
        return None
    ignore_missing_places()
    stack.enter_context(rasterio.Env(GDAL_CACHEMAX=_CACHE_MEGABYTES))
    try:
        file = stack.enter_context(rasterio.open(path))
    except rasterio.errors.RasterioError:
        return None
    strange = {ColorInterp.palette, ColorInterp.cyan, ColorInterp.hue}
    height, width = file.block_shapes[0]
    large = height * width * np.dtype(file.dtypes[0]).itemsize > MOST_SEGMENT_BYTES
    if strange & set(file.colorinterp) or len(set(file.dtypes)) > 1 or large:
        return None
    return None if _is_turned(path) else _Gdal(file)


def _is_turned(path: Path) -> bool:
    """Return True if a TIFF says that it is not upright, which rasterio does not look at."""
    import tifffile

    if path.suffix.lower() not in TIFF_SUFFIXES:
        return False
    with tifffile.TiffFile(path) as file:
        return bool(file.pages.first.tags.valueof(_ORIENTATION_TAG, default=1) not in (0, 1))
