"""Outlines of masks as polygons that give the mask back.

Holes and parts are joined by seams: the outline walks to the other ring and back along one line, so
that the seam has no area. Readers that take the pixels whose centers lie inside, COCO's among them,
give the exact mask back. Readers that cut the numbers off to pixel numbers and draw the line itself
(LabelMe through Pillow, OpenCV) add the seam's pixels where it does not lie on the mask: between
parts, hardly ever to a hole.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Outline = Literal["inside", "pixels"]
"""Form of an outline: inside the border pixels of the mask, or through their numbers."""

_MIN_CORNERS = 3

_INSET = 0.25
"""Distance of an "inside" outline from the pixel edges. It lies beyond every pixel center of the
mask, for readers that test centers, and in the border pixels, for readers that draw the line.
COCO's tools look at fifths of a pixel, so the middle between edge and center is the safest."""


def mask_polygons(mask: np.ndarray, outline: Outline, simplify: float = 0.0) -> list[np.ndarray]:
    """Trace one polygon per connected part of a mask, holes joined to their part.

    Args:
        mask: (H, W) bool or uint8; non-zero is foreground. Diagonal neighbours are connected.
        outline: "inside" gives corners a quarter of a pixel inside the edges, in the frame where a
            mask whose last column is 9 ends at x = 10: 9.75. Tools that test pixel centers and
            tools that draw the border both fill the exact mask. "pixels" gives the (column, row)
            numbers of border pixels, for tools that round or draw the border.
        simplify: greatest distance in pixels between an outline and its simplified form
            (Douglas and Peucker); 0 keeps every corner.

    Returns:
        Polygons (V, 2) float64 x, y without a repeated last corner; none for an empty mask. A part
        of one or two pixels has fewer than three different corners under "pixels".
    """
    return [_in_pixels(_join(rings), outline) for rings in _parts(mask, outline, simplify)]


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
    return _in_pixels(_join(rings), outline) if rings else np.zeros((0, 2))


def at_least_three(polygon: np.ndarray) -> np.ndarray:
    """Repeat the last corner of a polygon until there are three, as readers demand.

    Args:
        polygon: (V, 2) with V >= 1; of one pixel, or of a straight line of them, V is 1 or 2.

    Returns:
        (max(V, 3), 2).
    """
    missing = max(_MIN_CORNERS - len(polygon), 0)
    return np.concatenate([polygon, polygon[-1:].repeat(missing, 0)])


def _in_pixels(corners: np.ndarray, outline: Outline) -> np.ndarray:
    """Return corners in pixels; those of an "inside" outline are numbers of half pixels."""
    return corners / 2 + _INSET if outline == "inside" else corners.astype(np.float64)


def _parts(mask: np.ndarray, outline: Outline, simplify: float) -> list[list[np.ndarray]]:
    """Trace the rings of each part: its outer border first, then those of its holes."""
    import cv2

    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return []
    origin = np.array([columns[0], rows[0]], np.int64)
    crop = (mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] != 0).astype(np.uint8)
    scale = 1
    if outline == "inside":
        # Doubled, a pixel has four quarters; the outline runs through those at the border.
        scale, crop = 2, crop.repeat(2, 0).repeat(2, 1)
    contours, hierarchy = cv2.findContours(crop, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parts: dict[int, list[np.ndarray]] = {}
    parents = hierarchy[0, :, 3].tolist()
    for index in sorted(range(len(contours)), key=lambda i: parents[i] >= 0):  # outer rings first
        ring = contours[index][:, 0].astype(np.int64)
        ring = _with_inner_corners(ring, crop) if outline == "inside" else ring
        ring = _simplified(ring, simplify * scale) + origin * scale
        parts.setdefault(index if parents[index] < 0 else parents[index], []).append(ring)
    return list(parts.values())


def _with_inner_corners(ring: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """Insert the corner that a diagonal step cuts off, if it is foreground.

    The outline then turns once at an inner corner of the mask, not twice.
    """
    following = np.roll(ring, -1, axis=0)
    is_diagonal = (ring != following).all(1)
    first = np.stack([ring[:, 0], following[:, 1]], 1)
    second = np.stack([following[:, 0], ring[:, 1]], 1)
    has_first = crop[first[:, 1], first[:, 0]] != 0
    has_second = crop[second[:, 1], second[:, 0]] != 0
    corner = np.where(has_first[:, None], first, second)
    kept = np.stack([np.ones(len(ring), bool), is_diagonal & (has_first | has_second)], 1)
    corners: np.ndarray = np.stack([ring, corner], 1)[kept]
    return corners


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
    return _without_straight_corners(path)


def _without_straight_corners(path: np.ndarray) -> np.ndarray:
    """Drop the points at which the walk goes straight on; turns back are kept."""
    before, after = path - np.roll(path, 1, axis=0), np.roll(path, -1, axis=0) - path
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    is_straight = (cross == 0) & ((before * after).sum(1) > 0)
    return path[~is_straight] if not is_straight.all() else path
