"""Outlines of masks as polygons that give the mask back.

Holes and parts are joined by seams: the outline walks to the other ring and back along one line, so
that the seam has no area. Readers that fill by the even-odd rule, COCO's among them, give the exact
mask back. Readers that also draw the line itself (OpenCV) add the seam's pixels where it does not
lie on the mask: between parts, hardly ever to a hole.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Outline = Literal["edges", "pixels"]
"""Where an outline runs: along the pixel edges, or through the border pixels of the mask."""

_MIN_CORNERS = 3


def mask_polygons(mask: np.ndarray, outline: Outline, simplify: float = 0.0) -> list[np.ndarray]:
    """Trace one polygon per connected part of a mask, holes joined to their part.

    Args:
        mask: (H, W) bool or uint8; non-zero is foreground. Diagonal neighbours are connected.
        outline: "edges" gives corners on pixel edges, in the frame where a mask whose last column
            is 9 ends at x = 10. "pixels" gives the (column, row) numbers of border pixels, what
            OpenCV fills.
        simplify: greatest distance in pixels between an outline and its simplified form
            (Douglas and Peucker); 0 keeps every corner.

    Returns:
        Polygons (V, 2) float64 x, y without a repeated last corner; none for an empty mask. A part
        of one or two pixels has fewer than three different corners under "pixels".
    """
    return [_join(rings) for rings in _parts(mask, outline, simplify)]


def mask_polygon(mask: np.ndarray, outline: Outline, simplify: float = 0.0) -> np.ndarray:
    """Trace a single polygon for all parts of a mask, joined by the shortest seams.

    Args:
        mask: (H, W) bool or uint8; non-zero is foreground.
        outline: as in `mask_polygons`.
        simplify: as in `mask_polygons`.

    Returns:
        (V, 2) float64 x, y; (0, 2) for an empty mask.
    """
    rings = [ring for part in _parts(mask, outline, simplify) for ring in part]
    return _join(rings) if rings else np.zeros((0, 2))


def at_least_three(polygon: np.ndarray) -> np.ndarray:
    """Repeat the last corner of a polygon until there are three, as readers demand.

    Args:
        polygon: (V, 2) with V >= 1; of one pixel, or of a straight line of them, V is 1 or 2.

    Returns:
        (max(V, 3), 2).
    """
    missing = max(_MIN_CORNERS - len(polygon), 0)
    return np.concatenate([polygon, polygon[-1:].repeat(missing, 0)])


def _parts(mask: np.ndarray, outline: Outline, simplify: float) -> list[list[np.ndarray]]:
    """Trace the rings of each part: its outer border first, then those of its holes."""
    import cv2

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return []
    top, left = int(rows[0]), int(columns[0])
    crop = (mask[top : rows[-1] + 1, left : columns[-1] + 1] != 0).astype(np.uint8)
    if outline == "edges":
        # Doubled, every pixel has a first and a second column: of the border pixels, those in a
        # first one lie at a left edge, those in a second one at a right edge.
        crop = crop.repeat(2, 0).repeat(2, 1)
    contours, hierarchy = cv2.findContours(crop, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parts: dict[int, list[np.ndarray]] = {}
    parents = hierarchy[0, :, 3].tolist()
    for index in sorted(range(len(contours)), key=lambda i: parents[i] >= 0):  # outer rings first
        ring = contours[index][:, 0].astype(np.int64)
        ring = (ring + 1) // 2 if outline == "edges" else ring
        ring = _simplified(_without_repeats(ring), simplify) + np.array([left, top])
        parts.setdefault(index if parents[index] < 0 else parents[index], []).append(ring)
    return list(parts.values())


def _without_repeats(ring: np.ndarray) -> np.ndarray:
    return ring[(ring != np.roll(ring, 1, axis=0)).any(1)] if len(ring) > 1 else ring


def _simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    import cv2

    if tolerance <= 0:
        return ring
    corners = cv2.approxPolyDP(ring.astype(np.int32)[:, None], tolerance, True)[:, 0]
    return corners.astype(np.int64) if len(corners) >= _MIN_CORNERS else ring


def _join(rings: list[np.ndarray]) -> np.ndarray:
    """Join rings to one closed walk, each where it is nearest to those before it.

    The seams are a minimum spanning tree over the rings, so that no seam crosses another ring.
    """
    from scipy.spatial import cKDTree

    path = newest = rings[0]
    corners = np.concatenate(rings)
    owners = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    distances, targets = np.full(len(corners), np.inf), np.zeros_like(corners)
    waiting = owners > 0
    while waiting.any():
        found, index = cKDTree(newest).query(corners[waiting])
        is_nearer = found < distances[waiting]
        nearer = np.flatnonzero(waiting)[is_nearer]
        distances[nearer], targets[nearer] = found[is_nearer], newest[index[is_nearer]]
        seam = int(np.argmin(np.where(waiting, distances, np.inf)))
        members = np.flatnonzero(owners == owners[seam])
        waiting[members] = False
        newest = corners[members]
        start = seam - int(members[0])
        place = int(np.flatnonzero((path == targets[seam]).all(1))[0])
        walk = np.concatenate([newest[start:], newest[: start + 1]])
        path = np.concatenate([path[: place + 1], walk, path[place:]])
    return _without_straight_corners(path).astype(np.float64)


def _without_straight_corners(path: np.ndarray) -> np.ndarray:
    """Drop the points at which the walk goes straight on; turns back are kept."""
    before, after = path - np.roll(path, 1, axis=0), np.roll(path, -1, axis=0) - path
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    is_straight = (cross == 0) & ((before * after).sum(1) > 0)
    return path[~is_straight] if not is_straight.all() else path
