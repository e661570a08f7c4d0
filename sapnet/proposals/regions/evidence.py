"""Types of the region proposer: measurements of an image, and windows cut out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WINDOW_CELLS = 41
"""Side of a window in cells, G in shapes; odd, so that the click has its own cell."""

FAR = 3.0
"""Upper bound of distances, in feature units."""

MASS_FLOOR = 1e-3
"""Added to a code's share of the pixels before taking a logarithm."""

STATIC_FEATURES = (
    "constant",
    "radius",
    "radius_squared",
    "corner",
    "color_distance",
    "rival_side",
    "geodesic",
    "geodesic_rival",
    "commonness",
)
"""Features of a cell that do not depend on a map of the object."""


@dataclass(frozen=True)
class SegmentGraph:
    """The finest segments of an image (S of them) and their neighbours (E pairs).

    Attributes:
        colors: (S, 3) float64 mean Lab colour.
        areas: (S,) float64 pixels of the working frame.
        boxes: (S, 4) float64 x1, y1, x2, y2, pixel edges of the working frame.
        pairs: (E, 2) int64 neighbouring segments, first < second.
        contrasts: (E,) float64 mean Lab distance across the common border.
    """

    colors: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    pairs: np.ndarray
    contrasts: np.ndarray

    @property
    def num_segments(self) -> int:
        """The number of segments, S."""
        return int(self.areas.shape[0])


@dataclass(frozen=True)
class ImageEvidence:
    """Measurements of one image; positions are fractions of its width and height.

    Attributes:
        size: (height, width) of the original image.
        levels: L Lab images (h_l, w_l, 3) float32, finest first.
        codes: L code images (h_l, w_l) int64.
        code_kernel: (40, 40) float32 likeness of two codes, rows sum to 1.
        segments: three (h, w) int64 label maps of the working frame, fine to coarse.
        graph: the fine segments.
        parents: (T,) int64 merging tree over the fine segments.
    """

    size: tuple[int, int]
    levels: tuple[np.ndarray, ...]
    codes: tuple[np.ndarray, ...]
    code_kernel: np.ndarray
    segments: tuple[np.ndarray, ...]
    graph: SegmentGraph
    parents: np.ndarray


@dataclass(frozen=True)
class Windows:
    """Windows of one image and the features of their cells.

    Attributes:
        click_index: (A,) int64 index of the click in the middle.
        center: (A, 2) float64 (x, y), fractions of the image's width and height.
        reach: (A, 2) float64 half width and half height, likewise fractions.
        inside: (A, G, G) float32, 1 if the cell lies on the image, else 0.
        codes: (A, G, G) int64 color code.
        segments: three (A, G, G) int64 segment labels, fine to coarse.
        static: (9, A, G, G) float32, `STATIC_FEATURES`.
    """

    click_index: np.ndarray
    center: np.ndarray
    reach: np.ndarray
    inside: np.ndarray
    codes: np.ndarray
    segments: tuple[np.ndarray, ...]
    static: np.ndarray
