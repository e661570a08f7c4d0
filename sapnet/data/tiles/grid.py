"""The windows that a large image is cut into, and the one that a point belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from sapnet.data.image_files.address import Window, check_bands

LEAST_SIZE = 64
"""Smallest side of a window, pixels."""

OVERLAP_SHARE = 4
"""By default a window shares a quarter of its side with the next one."""


@dataclass(frozen=True)
class Tiling:
    """Windows of one size that overlap.

    Attributes:
        size: side of a window, pixels.
        overlap: least pixels that neighbours share. An object up to half as large is whole in the
            window that its click belongs to.
    """

    size: int
    overlap: int

    def __post_init__(self) -> None:
        if self.size < LEAST_SIZE:
            raise ValueError(f"tile: expected {LEAST_SIZE} px or more, found {self.size}")
        if not 0 <= 2 * self.overlap <= self.size:
            raise ValueError(
                f"overlap: expected 0 to {self.size // 2} px, half of a window's side, found "
                f"{self.overlap}"
            )

    @classmethod
    def of(cls, size: int | None, overlap: int | None = None) -> Tiling | None:
        """Return the windows that settings name; None without any.

        Args:
            size: side of a window, pixels; None or 0 for whole images.
            overlap: pixels that neighbours share; None for a quarter of the side.
        """
        if not size:
            return None
        return cls(size, size // OVERLAP_SHARE if overlap is None else overlap)

    def starts(self, length: int) -> list[int]:
        """Return the first pixel of each window along a side of an image; spread evenly."""
        room = length - self.size
        if room <= 0:
            return [0]
        steps = -(-room // (self.size - self.overlap))
        return [round(room * step / steps) for step in range(steps + 1)]

    def windows(self, height: int, width: int) -> list[Window]:
        """Return the windows of an image, row by row; all of a small one is one window."""
        return [
            Window(x, y, min(self.size, width), min(self.size, height))
            for y in self.starts(height)
            for x in self.starts(width)
        ]

    def home(self, point: tuple[float, float], height: int, width: int) -> int:
        """Return the index of the window that a point belongs to.

        It is the one whose border is farthest: neighbours meet in the middle of what they share.

        Args:
            point: x, y, inside of the image.
            height: of the image.
            width: of the image.
        """
        x, y = point
        columns, rows = self.starts(width), self.starts(height)
        column = bisect_right(self._seams(columns), x)
        return bisect_right(self._seams(rows), y) * len(columns) + column

    def showing(self, point: tuple[float, float], height: int, width: int) -> list[int]:
        """Return the indices of all windows that show a point; see `home`."""
        x, y = point
        columns, rows = self.starts(width), self.starts(height)
        return [
            row * len(columns) + column
            for row, top in enumerate(rows)
            if top <= y < top + self.size
            for column, left in enumerate(columns)
            if left <= x < left + self.size
        ]

    def meeting(self, box: tuple[float, float, float, float], height: int, width: int) -> list[int]:
        """Return the indices of all windows that show a part of a box (xyxy); see `home`."""
        x1, y1, x2, y2 = box
        columns, rows = self.starts(width), self.starts(height)
        return [
            row * len(columns) + column
            for row, top in enumerate(rows)
            if top < y2 and y1 < top + self.size
            for column, left in enumerate(columns)
            if left < x2 and x1 < left + self.size
        ]

    def _seams(self, starts: list[int]) -> list[float]:
        return [(before + self.size + after) / 2 for before, after in pairwise(starts)]


@dataclass(frozen=True)
class Parts:
    """The parts of images that are read.

    Attributes:
        tiling: windows of large images; None for whole images.
        bands: numbers of the bands, from 1 on; empty for the files' own.
    """

    tiling: Tiling | None = None
    bands: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_bands(self.bands)

    def __bool__(self) -> bool:
        return self.tiling is not None or bool(self.bands)

    @classmethod
    def of(
        cls, tile: int | None, overlap: int | None = None, bands: tuple[int, ...] | None = None
    ) -> Parts:
        """Return the parts that settings name; see `Tiling.of`.

        Raises:
            ValueError: a setting makes no sense.
        """
        return cls(Tiling.of(tile, overlap), tuple(bands or ()))

    def to_settings(self) -> dict[str, int | list[int]]:
        """Return the settings that a store keeps; empty for whole images with their own bands."""
        found: dict[str, int | list[int]] = {}
        if self.tiling is not None:
            found |= {"tile": self.tiling.size, "overlap": self.tiling.overlap}
        if self.bands:
            found["bands"] = list(self.bands)
        return found

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> Parts:
        """Return the parts that the settings of a store name.

        Raises:
            ValueError: they make no sense.
        """
        tile, overlap, bands = (settings.get(key) for key in ("tile", "overlap", "bands"))
        numbers = bands if isinstance(bands, list) else []
        return cls.of(
            tile if type(tile) is int else None,
            overlap if type(overlap) is int else None,
            tuple(number for number in numbers if type(number) is int),
        )
