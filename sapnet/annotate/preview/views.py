"""The parts of a large image in which a click's candidates are looked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sapnet.data.image_files.address import Window
from sapnet.data.tiles.advice import LEAST_SIDE, VAST_PIXELS
from sapnet.data.tiles.grid import Tiling
from sapnet.structures.clicks import Click

GUESSED = Tiling(1024, 256)
"""Windows of large images of whose objects too little is known: the middle of the advised sizes."""

AROUND = 1.5
"""Side of a window round several clicks, as a share of what they span: the object reaches beyond
them."""


@dataclass(frozen=True)
class Windowing:
    """Windows of the images of a session.

    Attributes:
        given: windows for all images; None for whole images, or for what is advised.
        advised: returns the windows that the clicks so far advise, None without advice; None for
            whole images.
    """

    given: Tiling | None = None
    advised: Callable[[], Tiling | None] | None = None

    def now(self) -> Windows:
        """Return the windows as the clicks are now."""
        tiling = self.given or (self.advised() if self.advised else None)
        return Windows(tiling, is_open=tiling is None and self.advised is not None)


@dataclass(frozen=True)
class Windows:
    """Windows of the images, as far as they are settled.

    Attributes:
        tiling: windows of all images; None for whole ones.
        is_open: True if nothing is known of the objects: then a large image is looked at both as a
            whole and in the click's window; vast ones, see `VAST_PIXELS`, in the window alone.
    """

    tiling: Tiling | None = None
    is_open: bool = False

    def of(self, size: tuple[int, int], click: Click | None = None) -> tuple[Window, ...]:
        """Return the parts of an image in which the candidates of a click are looked for.

        Args:
            size: (height, width) of the image.
            click: the click; None for the parts that are worth preparing before there is one.
        """
        height, width = size
        whole = Window(0, 0, width, height)
        is_vast = height * width > VAST_PIXELS
        if self.is_open and not is_vast and (click is None or max(size) <= LEAST_SIDE):
            return (whole,)
        tiling = GUESSED if self.is_open else self.tiling
        if tiling is None:
            return (whole,)
        part = window_for(click or _middle(size), size, tiling)
        return (part, whole) if self.is_open and not is_vast and part != whole else (part,)


def window_for(click: Click, size: tuple[int, int], tiling: Tiling) -> Window:
    """Return the window of a click: that of `sapnet propose`, or one that holds all of it.

    Args:
        click: original frame.
        size: (height, width) of the image.
        tiling: the windows of the image.

    Returns:
        The window that the click belongs to. If its further points or its box leave that one: the
        first window that holds them all, else a square round them, inside of the image.
    """
    height, width = size
    windows = tiling.windows(height, width)
    home = windows[tiling.home(click.point, height, width)]
    fitting = (window for window in (home, *windows) if _holds_all(window, click))
    return next(fitting, None) or _around(click, size, tiling.size)


def holds(window: Window, point: tuple[float, float]) -> bool:
    """Return True if a window shows a point (x, y) of its image."""
    x, y = point
    return window.x <= x < window.x + window.width and window.y <= y < window.y + window.height


def _holds_all(window: Window, click: Click) -> bool:
    x1, y1, x2, y2 = click.known_box or (*click.point, *click.point)
    return (
        all(holds(window, point) for point in click.points)
        and window.x <= x1
        and window.y <= y1
        and x2 <= window.x + window.width
        and y2 <= window.y + window.height
    )


def _around(click: Click, size: tuple[int, int], least: int) -> Window:
    """Return a square round all of a click, of a least side, inside of the image."""
    corners = [] if click.known_box is None else [click.known_box[:2], click.known_box[2:]]
    known = np.array([*click.points, *corners])
    low, high = known.min(0), known.max(0)
    side = max(least, math.ceil(AROUND * float((high - low).max())))
    room = np.array(size[::-1])
    extent = np.minimum(side, room)
    corner = np.clip(np.round((low + high - extent) / 2), 0, room - extent).astype(int)
    return Window(*corner.tolist(), *extent.tolist())


def _middle(size: tuple[int, int]) -> Click:
    height, width = size
    return Click(0, 0, 0, ((width / 2, height / 2),))
