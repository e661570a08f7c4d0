"""Training windows: their place round a marked object, their variation, and their clicks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sapnet.geometry.rle import decode_masks
from sapnet.proposals.click.windows import GRAY, Pyramid, cut, place_windows
from sapnet.teaching.colours import vary_look
from sapnet.teaching.config import ViewConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject

MASK_CELL = 4
"""Pixels of a window per cell of its targets: the decoder's stride."""

MIN_VISIBLE, MIN_SIZE = 0.4, 0.07
"""What a second object must show to be clicked: share of its area, size against the window."""

_MARGIN = 0.03  # a click is this far inside of its window, in shares of the side
_MAX_PIXELS = 4096  # of a mask that a click is drawn from
_MIDDLE = 0.25  # deviation of a click round the box centre, in sides of the box


@dataclass(frozen=True)
class Asked:
    """A click in a window, and what it should give.

    Attributes:
        point: (2,) x, y in shares of the window's side.
        target: (s, s) float32 coverage of the cells by the object, in [0, 1].
        outside: area of the object beyond the window, in areas of the window.
    """

    point: np.ndarray
    target: np.ndarray
    outside: float


@dataclass(frozen=True)
class View:
    """A training window with two clicks.

    Attributes:
        pixels: (S, S, 3) uint8 RGB.
        log_side: logarithm of the window's side as a share of the image's long side.
        asked: the clicks, on the drawn object and on another one where there is one.
    """

    pixels: np.ndarray
    log_side: float
    asked: tuple[Asked, Asked]


def make_view(
    photograph: tuple[np.ndarray, MarkedImage, int],
    side: int,
    cfg: ViewConfig,
    rng: np.random.Generator,
) -> View:
    """Lay a window round an object, vary it and click in it.

    Args:
        photograph: (H, W, 3) uint8 RGB, what is marked on it, and which object is drawn.
        side: S, pixels of the resized window.
        cfg: how windows are laid.
        rng: source of randomness.
    """
    image, marked, index = photograph
    drawn = marked.objects[index]
    mask = object_mask(drawn)
    click = draw_click(mask, drawn.box, cfg.uniform_clicks, rng)
    window = _lay(click, drawn.box, image.shape[:2], cfg, rng)
    matrix = _vary(window, click, cfg, rng)
    pixels = vary_look(cut(Pyramid(image), matrix * _unit(side), side, GRAY), cfg.look, rng)
    frame = _Frame(matrix, side)
    coverage = frame.coverage(Pyramid(mask))
    first = _ask(frame, click, coverage, drawn.area)
    second = _ask_another(frame, marked, index, cfg, rng)
    if second is None:
        again = draw_click(np.where(coverage > coverage.max() / 2, 255, 0), None, 1.0, rng)
        second = Asked(again / coverage.shape[0], first.target, first.outside)
    return View(pixels, float(np.log(window[2] / max(image.shape[:2]))), (first, second))


def draw_click(
    mask: np.ndarray, box: np.ndarray | None, uniform: float, rng: np.random.Generator
) -> np.ndarray:
    """Click on a pixel of a mask: near the middle of its box, or anywhere on it.

    Args:
        mask: (H, W), non-zero on the object; at least one pixel.
        box: (4,) xyxy of the mask, whole pixels; None clicks anywhere.
        uniform: probability of a click anywhere.
        rng: source of randomness.

    Returns:
        (2,) float64 x, y, anywhere in the pixel.
    """
    left, top, right, bottom = (0, 0, *mask.shape[::-1]) if box is None else box.astype(int)
    rows, columns = np.nonzero(mask[top:bottom, left:right])
    if len(rows) > _MAX_PIXELS:
        kept = rng.choice(len(rows), _MAX_PIXELS)
        rows, columns = rows[kept], columns[kept]
    points = np.stack([columns + left, rows + top], axis=1) + rng.random((len(rows), 2))
    if box is None or rng.random() < uniform:
        chosen: np.ndarray = points[rng.integers(len(points))]
        return chosen
    place = (points - (box[:2] + box[2:]) / 2) / np.maximum(box[2:] - box[:2], 1)
    exponent = -0.5 * np.square(place / _MIDDLE).sum(1)
    weights = np.exp(exponent - exponent.max())
    near: np.ndarray = points[rng.choice(len(points), p=weights / weights.sum())]
    return near


@dataclass(frozen=True)
class _Frame:
    """A window's frame: (2, 3) map from shares of its side to pixels, and its side in pixels."""

    matrix: np.ndarray
    side: int

    def coverage(self, mask: Pyramid) -> np.ndarray:
        """(s, s) float32 in [0, 1], how much of each cell the mask covers."""
        fine = cut(mask, self.matrix * _unit(self.side), self.side, (0,))
        size = (self.side // MASK_CELL,) * 2
        cells = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
        return cells.astype(np.float32) / 255

    def to_shares(self, point: np.ndarray) -> np.ndarray:
        """(2,) shares of the side of a point of the image."""
        shares: np.ndarray = np.linalg.solve(self.matrix[:, :2], point - self.matrix[:, 2])
        return shares

    @property
    def area(self) -> float:
        """Pixels of the image that the window covers."""
        return float(abs(np.linalg.det(self.matrix[:, :2])))


def _unit(side: int) -> np.ndarray:
    """(1, 3) factors that bring a map from shares of a side to one from its pixels."""
    return np.array([[1 / side, 1 / side, 1]])


def _lay(
    click: np.ndarray,
    box: np.ndarray,
    image_size: tuple[int, ...],
    cfg: ViewConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """(3,) left, top and side of a window that holds the click."""
    extent = float((box[2:] - box[:2]).max())
    center = click
    scans = np.array(cfg.scan_sides) * max(image_size) * np.exp(rng.uniform(-0.2, 0.2))
    ratios = extent / scans
    usable = scans[(ratios >= cfg.scan_reach[0]) & (ratios <= cfg.scan_reach[1])]
    if rng.random() < cfg.scan_share and len(usable):
        side = float(rng.choice(usable))
    else:
        side = extent / np.exp(rng.uniform(*np.log(cfg.fit_reach)))
        center = click + rng.random() * ((box[:2] + box[2:]) / 2 - click)
    side = float(np.clip(side, cfg.min_side, cfg.max_side * max(image_size)))
    center = center + rng.normal(0, cfg.shift, 2) * side
    center = np.clip(center, click - side * (0.5 - _MARGIN), click + side * (0.5 - _MARGIN))
    height, width = image_size
    window: np.ndarray = place_windows(center[None], np.array([side]), (height, width))[0]
    return window


def _vary(
    window: np.ndarray, click: np.ndarray, cfg: ViewConfig, rng: np.random.Generator
) -> np.ndarray:
    """(2, 3) map from shares of the window's side to pixels: mirrored, turned, stretched."""
    left, top, side = window
    center = np.array([left, top]) + side / 2
    angle = np.deg2rad(rng.normal(0, cfg.turn)) if rng.random() < cfg.turn_share else 0.0
    stretch = np.exp(rng.uniform(-cfg.stretch, cfg.stretch) / 2)
    mirror = rng.choice([-1.0, 1.0])
    cos, sin = np.cos(angle), np.sin(angle)
    turned = side * np.array([[cos, -sin], [sin, cos]]) @ np.diag([mirror * stretch, 1 / stretch])
    for linear in (turned, side * np.diag([mirror, 1.0])):
        place = np.linalg.solve(linear, click - center)
        if np.abs(place).max() <= 0.5 - _MARGIN / 2:
            break
    return np.concatenate([linear, (center - linear.sum(1) / 2)[:, None]], axis=1)


def _ask(frame: _Frame, click: np.ndarray, coverage: np.ndarray, area: int) -> Asked:
    outside = max(area / frame.area - float(coverage.mean()), 0.0)
    return Asked(frame.to_shares(click), coverage, outside)


def _ask_another(
    frame: _Frame, marked: MarkedImage, index: int, cfg: ViewConfig, rng: np.random.Generator
) -> Asked | None:
    """A click on another object that shows in the window; None where the one tried does not."""
    others = [place for place in range(len(marked.objects)) if place != index]
    if not others:
        return None
    other: MarkedObject = marked.objects[int(rng.choice(others))]
    corner, far = frame.to_shares(other.box[:2]), frame.to_shares(other.box[2:])
    if (np.maximum(corner, far) < 0).any() or (np.minimum(corner, far) > 1).any():
        return None
    if np.abs(far - corner).max() < MIN_SIZE:
        return None
    coverage = frame.coverage(Pyramid(object_mask(other)))
    if float(coverage.mean()) < MIN_VISIBLE * other.area / frame.area or coverage.max() < 0.5:
        return None
    cells = np.where(coverage >= 0.5, 255, 0)
    click = draw_click(cells, _box_of(cells), cfg.uniform_clicks, rng) / coverage.shape[0]
    outside = max(other.area / frame.area - float(coverage.mean()), 0.0)
    return Asked(click, coverage, outside)


def _box_of(mask: np.ndarray) -> np.ndarray:
    """(4,) xyxy of a mask with at least one pixel."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def object_mask(marked: MarkedObject) -> np.ndarray:
    """(H, W) uint8, 255 on the object."""
    mask: np.ndarray = decode_masks([marked.rle])[0] * np.uint8(255)
    return mask
