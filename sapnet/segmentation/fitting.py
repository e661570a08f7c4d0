"""Grids and scale ranges that fit the objects of a data set.

SOLOv2's published ones were made for COCO at 800 px. Here one factor brings all ranges, and another
one all grids, to the objects and the input that there are; for data like COCO both are 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sapnet.segmentation.config import PUBLISHED_GRIDS, PUBLISHED_RANGES, SOLOv2Config

TOP_QUANTILE = 0.9
"""Size quantile at which the last range starts. In COCO 90 % of the objects are smaller than 0.472
of their image's side (arXiv:1711.08189, section 3), about 436 px of 800 x 1067, and the last range
begins at 384 px."""

KEPT_FACTOR = 0.75
"""Smallest factor at which the published ranges are kept unscaled: they overlap by a factor of 2,
were trained with views of 640 to 800 px, and sizes of proposals are about 10 % too small."""

SMALLEST_FACTOR = 1 / 3
"""Smallest factor of the ranges. An object enters a published range at six cells of the features
that its level reads (48 px at stride 8, 96 at 16, 192 at 32). With this factor it enters at two;
with fewer it would have no shape."""

CROWDED_SHARE = 0.06
"""Share of the objects without a cell of their own above which the grids get finer. With the
published grids it is 4.5 % in COCO (2,432 objects of 288 images of the 2017 sets)."""

GRID_STEPS = (1.0, 1.25, 1.5, 1.75, 2.0)
"""Factors by which the grids may get finer than published; the last has four times the cells."""


@dataclass(frozen=True)
class ObjectLayout:
    """The objects of a data set as the network sees them outside training.

    Attributes:
        sizes: (N,) square root of each object's box area, pixels, input frame.
        centers: (N, 2) x, y as shares of the padded input, in [0, 1].
        image_index: (N,) int64 image of each object.
        num_images: images, those without objects included.
        short_side: pixels of the shorter side of a usual padded input.
        long_side: pixels of the longest side of any.
    """

    sizes: np.ndarray
    centers: np.ndarray
    image_index: np.ndarray
    num_images: int
    short_side: int
    long_side: int

    def __post_init__(self) -> None:
        count = len(self.sizes)
        shapes = (self.sizes.shape, self.centers.shape, self.image_index.shape)
        if shapes != ((count,), (count, 2), (count,)):
            raise ValueError(
                f"ObjectLayout: expected sizes (N,), centers (N, 2) and image_index (N,), found "
                f"the shapes {shapes}"
            )

    def __len__(self) -> int:
        """N."""
        return len(self.sizes)

    @property
    def objects_per_image(self) -> np.ndarray:
        """(num_images,) int64."""
        return np.bincount(self.image_index, minlength=self.num_images)


def fit_ranges(layout: ObjectLayout) -> tuple[tuple[float, float], ...]:
    """Scale the published ranges so that the largest objects reach the last one.

    They are never enlarged: what a level's features can tell depends on their stride, which stays.

    Args:
        layout: of the data.

    Returns:
        (smallest, largest) sqrt(box area) of each level, input pixels. Every object that fits into
        the input lies in at least one; without objects the published ranges.
    """
    if not len(layout):
        return PUBLISHED_RANGES
    factor = float(np.quantile(layout.sizes, TOP_QUANTILE)) / PUBLISHED_RANGES[-1][0]
    factor = 1.0 if factor >= KEPT_FACTOR else max(factor, SMALLEST_FACTOR)
    lows = [float(np.floor(low * factor)) for low, _ in PUBLISHED_RANGES]
    highs = [float(np.ceil(high * factor)) for _, high in PUBLISHED_RANGES]
    # The first begins at a pixel as ever, unless some object is smaller; the last has no end.
    lows[0] = PUBLISHED_RANGES[0][0] if layout.sizes.min() >= 1 else 0.0
    highs[-1] = float(max(PUBLISHED_RANGES[-1][1], layout.long_side))
    return tuple(zip(lows, highs, strict=True))


def fit_grids(layout: ObjectLayout, cfg: SOLOv2Config) -> tuple[int, ...]:
    """Scale the published grids: the coarsest on which few objects share their cells.

    They are coarser than published where the finest grid would have more cells than the features
    it reads, finer where objects are crowded.

    Args:
        layout: of the data.
        cfg: its ranges and strides count.

    Returns:
        Cells per side of each level; the published ones without objects.
    """
    if not len(layout):
        return PUBLISHED_GRIDS
    most = layout.short_side / (cfg.strides[0] * PUBLISHED_GRIDS[0])
    candidates = [scaled_grids(min(step, most)) for step in GRID_STEPS]
    for grids in candidates:
        if crowded_share(layout, grids, cfg.ranges) <= CROWDED_SHARE:
            return grids
    return candidates[-1]


def scaled_grids(factor: float) -> tuple[int, ...]:
    """Multiply the published grids by a factor, at least one cell each."""
    return tuple(max(1, round(side * factor)) for side in PUBLISHED_GRIDS)


def scaled_ranges(factor: float) -> tuple[tuple[float, float], ...]:
    """Multiply the published ranges by a factor, as for another input size."""
    return tuple((low * factor, high * factor) for low, high in PUBLISHED_RANGES)


def crowded_share(
    layout: ObjectLayout, grids: tuple[int, ...], ranges: tuple[tuple[float, float], ...]
) -> float:
    """Share of the objects that have no cell of their own.

    An object has one where, on one of its levels at least, the cell of its centre is no other
    object's. Those that lie on no level are not counted.

    Args:
        layout: of the data.
        grids: cells per side of each level.
        ranges: sizes of each level, input pixels, inclusive.

    Returns:
        In [0, 1]; 0 without objects.
    """
    on_any = np.zeros(len(layout), bool)
    has_own_cell = np.zeros(len(layout), bool)
    for side, bounds in zip(grids, ranges, strict=True):
        members = np.flatnonzero(_lies_in(layout.sizes, bounds))
        columns, rows = np.minimum((layout.centers[members] * side).astype(np.int64), side - 1).T
        cells = (layout.image_index[members] * side + rows) * side + columns
        _, place, counts = np.unique(cells, return_inverse=True, return_counts=True)
        on_any[members] = True
        has_own_cell[members] |= counts[place] == 1
    return float((on_any & ~has_own_cell).sum() / max(1, on_any.sum()))


def missed_share(layout: ObjectLayout, ranges: tuple[tuple[float, float], ...]) -> float:
    """Share of the objects that lie in no range and are never learned; 0 without objects."""
    is_missed = np.ones(len(layout), bool)
    for bounds in ranges:
        is_missed &= ~_lies_in(layout.sizes, bounds)
    return float(is_missed.sum() / max(1, len(layout)))


def _lies_in(sizes: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    low, high = bounds
    inside: np.ndarray = (sizes >= low) & (sizes <= high)
    return inside
