"""Windows around a click, one per assumed size and aspect, and their features.

A window has its click in the middle cell and spans `WINDOW_REACH` times the assumed box. An object
of that size therefore always covers the same cells, whether it is 20 or 600 pixels large.
Positions are fractions of the image's width and height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapnet.proposals.regions.evidence import (
    FAR,
    MASS_FLOOR,
    WINDOW_CELLS,
    ImageEvidence,
    Windows,
)
from sapnet.proposals.regions.graph import geodesic_distances

WINDOW_REACH = 1.7
"""Side of a window as a multiple of the assumed box: room for a click away from the center
(clicks lie within a quarter of the box from its center) and for some background."""

COLOR_UNIT = 20.0
"""Lab distance that counts as 1 in the features."""

GEODESIC_UNIT = 100.0
"""Geodesic length that counts as 1 in the features."""

COMMON_LEVEL = 2
"""Pyramid level in which common colors are counted: a quarter of the finest side."""


@dataclass(frozen=True)
class ClickField:
    """The clicks of an image with their distances to all fine segments.

    Attributes:
        points: (N, 2) float64 (x, y) fractions of the image's width and height.
        rivals: (N, R) bool, True where a rival point competes with the click.
        rival_points: (R, 2) float64 fractions.
        geodesic: (N, S) float64 geodesic distance of each fine segment from the click.
        rival_geodesic: (N, S) float64 distance from the nearest rival; infinite without one.
        commonness: (40,) float32 frequency of each color code away from all points, as a log.
    """

    points: np.ndarray
    rivals: np.ndarray
    rival_points: np.ndarray
    geodesic: np.ndarray
    rival_geodesic: np.ndarray
    commonness: np.ndarray


def place_clicks(
    evidence: ImageEvidence, points: np.ndarray, rival_points: np.ndarray, rivals: np.ndarray
) -> ClickField:
    """Measure the geodesic distances from clicks and rivals.

    Args:
        evidence: the image.
        points: (N, 2) float64 fractions.
        rival_points: (R, 2) float64 fractions.
        rivals: (N, R) bool.
    """
    fine = evidence.segments[0]
    sources = np.concatenate([points, rival_points])
    column = _cells(sources[:, 0], fine.shape[1])
    row = _cells(sources[:, 1], fine.shape[0])
    distances = geodesic_distances(evidence.graph, fine[row, column])
    own, other = distances[: len(points)], distances[len(points) :]
    nearest = np.full_like(own, np.inf)
    for n in range(len(points)):
        if rivals[n].any():
            nearest[n] = other[rivals[n]].min(axis=0)
    common = _code_commonness(evidence, sources)
    return ClickField(points, rivals, rival_points, own, nearest, common)


def _code_commonness(evidence: ImageEvidence, points: np.ndarray) -> np.ndarray:
    """Return the log share of each code, (40,), weighted by distance to the points."""
    codes = evidence.codes[min(COMMON_LEVEL, len(evidence.codes) - 1)]
    height, width = codes.shape
    x = (np.arange(width) + 0.5) / width
    y = (np.arange(height) + 0.5) / height
    aspect = evidence.size[1] / evidence.size[0]
    distance = np.full(codes.shape, np.inf)
    for px, py in points:
        from_point = np.hypot((y[:, None] - py), (x[None] - px) * aspect)
        distance = np.minimum(distance, from_point)
    count = len(evidence.code_kernel)
    share = np.bincount(codes.ravel(), distance.ravel(), count) @ evidence.code_kernel
    share = share / max(share.sum(), 1e-9)
    return np.asarray(np.log(share * count + MASS_FLOOR * count), dtype=np.float32)


def _cells(fractions: np.ndarray, count: int) -> np.ndarray:
    """Return the index of the pixel at a fraction of the side, clipped to the image."""
    return np.asarray(np.clip(np.floor(fractions * count).astype(np.int64), 0, count - 1))


def cut_windows(
    evidence: ImageEvidence, field: ClickField, click_index: np.ndarray, boxes: np.ndarray
) -> Windows:
    """Cut windows out of the image and compute the features of their cells.

    Args:
        evidence: the image.
        field: its clicks.
        click_index: (A,) int64 index of the click of each window.
        boxes: (A, 2) float64 assumed width and height of the object, fractions of the image.
    """
    center = field.points[click_index]
    reach = 0.5 * WINDOW_REACH * boxes
    steps = (np.arange(WINDOW_CELLS) + 0.5) / WINDOW_CELLS * 2 - 1
    x = center[:, 0, None] + reach[:, 0, None] * steps
    y = center[:, 1, None] + reach[:, 1, None] * steps
    inside = ((y >= 0) & (y < 1))[:, :, None] & ((x >= 0) & (x < 1))[:, None, :]
    flat = _level_index(evidence, reach, x, y)
    lab = np.concatenate([level.reshape(-1, 3) for level in evidence.levels])[flat]
    codes = np.concatenate([level.ravel() for level in evidence.codes])[flat]
    height, width = evidence.segments[0].shape
    working = _cells(y, height)[:, :, None] * width + _cells(x, width)[:, None, :]
    segments = tuple(labels.ravel()[working] for labels in evidence.segments)
    u, v = np.meshgrid(steps * WINDOW_REACH, steps * WINDOW_REACH)
    square = (u * u + v * v).astype(np.float32)
    shape = inside.shape
    middle = WINDOW_CELLS // 2
    own = lab[:, middle - 1 : middle + 2, middle - 1 : middle + 2].mean(axis=(1, 2))
    distance = np.linalg.norm(lab - own[:, None, None], axis=3) / COLOR_UNIT
    geodesic, geodesic_rival = _geodesic_cells(field, click_index, segments[0])
    static = np.stack(
        [
            np.ones(shape, np.float32),
            np.broadcast_to(np.sqrt(square), shape),
            np.broadcast_to(square, shape),
            np.broadcast_to(np.abs(u * v).astype(np.float32), shape),
            np.minimum(distance, FAR),
            _rival_side(evidence, field, click_index, x, y),
            geodesic,
            geodesic_rival,
            field.commonness[codes],
        ]
    ).astype(np.float32)
    return Windows(click_index, center, reach, inside.astype(np.float32), codes, segments, static)


def _level_index(
    evidence: ImageEvidence, reach: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return indices into the flattened pyramid, (A, G, G), at the level that fits the cells."""
    heights = np.array([level.shape[0] for level in evidence.levels])
    widths = np.array([level.shape[1] for level in evidence.levels])
    starts = np.concatenate([[0], np.cumsum(heights * widths)[:-1]])
    step = np.sqrt(reach[:, 0] * widths[0] * reach[:, 1] * heights[0]) * 2 / WINDOW_CELLS
    level = np.floor(np.log2(np.maximum(step, 1.0)) + 0.3).astype(np.int64)
    level = np.clip(level, 0, len(heights) - 1)
    h, w = heights[level][:, None], widths[level][:, None]
    row = np.clip(np.floor(y * h).astype(np.int64), 0, h - 1)
    column = np.clip(np.floor(x * w).astype(np.int64), 0, w - 1)
    return np.asarray(
        (starts[level][:, None] + row * w)[:, :, None] + column[:, None, :], dtype=np.int64
    )


def _rival_side(
    evidence: ImageEvidence,
    field: ClickField,
    click_index: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
) -> np.ndarray:
    """Return (A, G, G) values: 1 at the click, 0 midway, -1 at the nearest rival."""
    aspect = evidence.size[1] / evidence.size[0]
    result = np.ones((len(x), WINDOW_CELLS, WINDOW_CELLS), np.float32)
    for n in np.unique(click_index):
        chosen = np.flatnonzero(click_index == n)
        for rival in field.rival_points[field.rivals[n]]:
            dx, dy = (rival - field.points[n]) * (aspect, 1.0)
            length = max(dx * dx + dy * dy, 1e-6)
            along_x = (x[chosen] - field.points[n, 0]) * aspect * dx / length
            along_y = (y[chosen] - field.points[n, 1]) * dy / length
            side = 1.0 - 2.0 * (along_y[:, :, None] + along_x[:, None, :])
            result[chosen] = np.minimum(result[chosen], side)
    return np.maximum(result, -1.0)


def _geodesic_cells(
    field: ClickField, click_index: np.ndarray, fine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of each cell from the click, and the lead over the nearest rival.

    Returns:
        Two (A, G, G) arrays: the distance from the click, in feature units, at most `FAR`; and the
        distance from the rival minus that from the click, clipped to [-1, 1], 1 without a rival.
    """
    row = click_index[:, None, None]
    own = field.geodesic[row, fine]
    rival = field.rival_geodesic[row, fine]
    nearer = np.where(np.isfinite(rival), (rival - own) / GEODESIC_UNIT, 1.0)
    return np.minimum(own / GEODESIC_UNIT, FAR), np.clip(nearer, -1.0, 1.0)
