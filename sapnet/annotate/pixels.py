"""Tiles of an image pyramid, and thumbnails, of upright images."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import replace

import numpy as np
from PIL import Image

from sapnet.annotate.listing import ListedImage
from sapnet.data.image_files.address import Window, parse_address
from sapnet.data.images import DECODED_PIXELS, load_image, load_reduced, shrink

TILE_SIDE = 1024
"""Side of a tile in pixels: most images are one tile, a screen at full zoom shows a few."""

VAST_SIDE = 4096
"""Long side of the largest level that is kept of an image of more than `DECODED_PIXELS`; tiles of
its larger levels are read from the file one by one."""

THUMBNAIL_SIDE = 160
"""Long side of a thumbnail in pixels: twice its size on the page, for dense screens."""

PIXELS_KEPT = 700_000_000
"""Bytes of decoded images kept: three of 48 megapixels with their smaller levels."""

THUMBNAILS_KEPT = 4000
"""Thumbnails kept, about 5 kB each."""

_TILE_QUALITY = 92
_THUMBNAIL_QUALITY = 80


class PixelCache:
    """Cache of decoded images; safe to use from several threads.

    Args:
        bits: bit depth of images of more than 8 bits.
    """

    def __init__(self, bits: int | None = None) -> None:
        self.bits = bits
        self._lock = threading.Lock()
        self._decoding: dict[str, threading.Lock] = {}
        self._pyramids: OrderedDict[str, tuple[np.ndarray, ...]] = OrderedDict()
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()

    def tile(self, image: ListedImage, level: int, column: int, row: int) -> bytes:
        """Return one tile as JPEG.

        Args:
            image: the image.
            level: 0 is full resolution; each further level halves it.
            column: column of the tile, counted from 0.
            row: row of the tile, counted from 0.

        Returns:
            The encoded tile, `TILE_SIDE` pixels wide and high or less at the border.

        Raises:
            FileNotFoundError, ValueError: the image cannot be read.
            IndexError: there is no such tile.
        """
        count = num_levels(image.width, image.height)
        if not 0 <= level < count:
            raise IndexError(f"{image.name}: expected a level below {count}, found {level}")
        sides = _level_size(image.width, image.height, level)
        rows, columns = (-(-side // TILE_SIDE) for side in sides)
        if not (0 <= row < rows and 0 <= column < columns):
            raise IndexError(
                f"{image.name}, level {level}: expected a tile of {columns} x {rows}, found column "
                f"{column}, row {row}"
            )
        if level < _first_kept(image):
            return _encode(self._read_tile(image, level, column, row), _TILE_QUALITY)
        pixels = self._pixels(image, level)
        y, x = row * TILE_SIDE, column * TILE_SIDE
        return _encode(pixels[y : y + TILE_SIDE, x : x + TILE_SIDE], _TILE_QUALITY)

    def thumbnail(self, image: ListedImage) -> bytes:
        """Return a small upright version as JPEG.

        Raises:
            FileNotFoundError, ValueError: the image cannot be read.
        """
        with self._lock:
            if image.name in self._thumbnails:
                self._thumbnails.move_to_end(image.name)
                return self._thumbnails[image.name]
        factor = min(1.0, THUMBNAIL_SIDE / max(image.width, image.height))
        size = (max(1, round(image.height * factor)), max(1, round(image.width * factor)))
        is_vast = _first_kept(image) > 0  # going through all of its rows once is enough
        small = shrink(self._levels(image)[-1], size) if is_vast else self._reduced(image, size)
        thumbnail = _encode(small, _THUMBNAIL_QUALITY)
        with self._lock:
            self._thumbnails[image.name] = thumbnail
            while len(self._thumbnails) > THUMBNAILS_KEPT:
                self._thumbnails.popitem(last=False)
        return thumbnail

    def _read_tile(self, image: ListedImage, level: int, column: int, row: int) -> Image.Image:
        """Read a tile of a vast image, and nothing else of it."""
        step = 1 << level
        x, y = column * TILE_SIDE * step, row * TILE_SIDE * step
        width, height = (
            min(TILE_SIDE * step, image.width - x),
            min(TILE_SIDE * step, image.height - y),
        )
        address = replace(parse_address(image.path), window=Window(x, y, width, height))
        return Image.fromarray(load_image(str(address), self.bits)).reduce(step)

    def _pixels(self, image: ListedImage, level: int) -> np.ndarray:
        """Return the pixels of a level that is kept.

        The page shows a large image whole at first, so the last level is loaded without decoding
        the full image.
        """
        with self._lock:
            is_decoded = image.name in self._pyramids
        first, is_last = _first_kept(image), level == num_levels(image.width, image.height) - 1
        if is_last and level > 0 and first == 0 and not is_decoded:
            return np.asarray(self._reduced(image, _level_size(image.width, image.height, level)))
        return self._levels(image)[level - first]

    def _reduced(self, image: ListedImage, size: tuple[int, int]) -> Image.Image:
        return load_reduced(image.path, size, self.bits)

    def _levels(self, image: ListedImage) -> tuple[np.ndarray, ...]:
        """Return the levels that are kept, (H, W, 3) uint8, until one fits one tile."""
        with self._lock:
            if image.name in self._pyramids:
                self._pyramids.move_to_end(image.name)
                return self._pyramids[image.name]
            decoding = self._decoding.setdefault(image.name, threading.Lock())
        with decoding:  # the page requests several tiles at once; one decode serves them all
            with self._lock:
                if image.name in self._pyramids:
                    return self._pyramids[image.name]
            levels = _pyramid(self._largest_kept(image))
            with self._lock:
                self._pyramids[image.name] = levels
                self._decoding.pop(image.name, None)
                self._drop_oldest()
        return levels

    def _largest_kept(self, image: ListedImage) -> np.ndarray:
        first = _first_kept(image)
        if first == 0:
            return load_image(image.path, self.bits)
        return np.asarray(self._reduced(image, _level_size(image.width, image.height, first)))

    def _drop_oldest(self) -> None:
        sizes = [sum(level.nbytes for level in levels) for levels in self._pyramids.values()]
        kept = sum(sizes)
        for size in sizes[:-1]:  # the newest is kept, however large it is
            if kept <= PIXELS_KEPT:
                return
            self._pyramids.popitem(last=False)
            kept -= size


def _first_kept(image: ListedImage) -> int:
    """Return the first level that is kept as a whole: 0, or a small one of a vast image."""
    if image.width * image.height <= DECODED_PIXELS:
        return 0
    level = 0
    while max(_level_size(image.width, image.height, level)) > VAST_SIDE:
        level += 1
    return level


def num_levels(width: int, height: int) -> int:
    """Return the number of levels of an image's pyramid."""
    levels = 1
    while max(width, height) > TILE_SIDE:
        width, height = -(-width // 2), -(-height // 2)
        levels += 1
    return levels


def _pyramid(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
    levels = [pixels]
    while max(levels[-1].shape[:2]) > TILE_SIDE:
        levels.append(np.asarray(Image.fromarray(levels[-1]).reduce(2)))
    return tuple(levels)


def _level_size(width: int, height: int, level: int) -> tuple[int, int]:
    """Return (height, width) of a level: halved `level` times, rounded up each time."""
    for _ in range(level):
        width, height = -(-width // 2), -(-height // 2)
    return height, width


def _encode(pixels: np.ndarray | Image.Image, quality: int) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    with io.BytesIO() as buffer:
        image.save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()
