"""Candidates of one click from windows and image regions, sampled on a lattice.

Candidates come from windows (size priors combined with image evidence) and from the image alone
(segments and the merging tree). Both are sampled on a lattice of rectangles that are small at the
click, grow away from it and tile the image. Overlaps are therefore cheap at any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sapnet.proposals.regions.evidence import WINDOW_CELLS, ImageEvidence, Windows

LATTICE_HALF = 24
"""Number of lattice cells from the click to each side of the image; Q = 48 in shapes."""

LATTICE_GROWTH = 3.5
"""Growth of the lattice cells away from the click: the hyperbolic cosine of 0..3.5."""

TREE_RATIO = 1.3
"""Least ratio of the sizes of successive regions of the merging tree that become candidates."""

LARGEST_TREE_SHARE = 0.9
"""Largest region of the merging tree that becomes a candidate, as a share of the image."""

EDGE_VALUE = 0.02
"""Absolute value of cells whose side of the outline was decided by cleaning, not by the map."""


@dataclass(frozen=True)
class Lattice:
    """Rectangles that tile the image and are small at the click.

    Attributes:
        x: (Q,) float64 column centers, fractions of the image's width.
        y: (Q,) float64 row centers, fractions of its height.
        x_edges: (Q + 1,) float64 column edges.
        y_edges: (Q + 1,) float64 row edges.
    """

    x: np.ndarray
    y: np.ndarray
    x_edges: np.ndarray
    y_edges: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """The share of the image in each rectangle, (Q, Q) float64; they add up to 1."""
        return np.outer(np.diff(self.y_edges), np.diff(self.x_edges))

    @property
    def at_click(self) -> np.ndarray:
        """The four cells that meet at the click, (Q, Q) bool."""
        cells = np.zeros((len(self.y), len(self.x)), bool)
        cells[LATTICE_HALF - 1 : LATTICE_HALF + 1, LATTICE_HALF - 1 : LATTICE_HALF + 1] = True
        return cells


@dataclass(frozen=True)
class WindowMasks:
    """Cleaned masks of windows.

    Attributes:
        window_index: (M,) int64 window that each mask was cut from.
        kind: (M,) int64 index of the cut (stage and threshold).
        values: (M, G, G) float32, positive on the object; the zero line is the outline.
        certainty: (M,) float32 mean of the map inside minus its mean outside, in [-1, 1].
    """

    window_index: np.ndarray
    kind: np.ndarray
    values: np.ndarray
    certainty: np.ndarray


def make_lattice(point: np.ndarray) -> Lattice:
    """Return the lattice of a click at `point`, (x, y) fractions of the image."""
    steps = np.sinh(np.linspace(0, LATTICE_GROWTH, LATTICE_HALF + 1)) / np.sinh(LATTICE_GROWTH)

    def edges(at: float) -> np.ndarray:
        at = min(max(at, 1e-3), 1 - 1e-3)  # both sides keep a positive area
        return np.concatenate([at * (1 - steps[::-1]), at + (1 - at) * steps[1:]])

    x_edges, y_edges = edges(float(point[0])), edges(float(point[1]))
    return Lattice(
        0.5 * (x_edges[1:] + x_edges[:-1]), 0.5 * (y_edges[1:] + y_edges[:-1]), x_edges, y_edges
    )


def cut_masks(
    windows: Windows, maps: list[np.ndarray], cuts: tuple[tuple[int, float], ...]
) -> WindowMasks:
    """Turn maps into masks of one piece that contains the click and has no holes.

    Args:
        windows: A windows.
        maps: (A, G, G) maps, one per stage.
        cuts: (stage, threshold) of each kind of mask.
    """
    count = len(windows.center)
    values, certainty = [], []
    for stage, threshold in cuts:
        mask = clean(maps[stage] > threshold)
        level = maps[stage] - threshold
        values.append(np.where(mask, np.maximum(level, EDGE_VALUE), np.minimum(level, -EDGE_VALUE)))
        shown = windows.inside > 0
        front = _masked_mean(maps[stage], mask & shown)
        certainty.append(front - _masked_mean(maps[stage], ~mask & shown))
    return WindowMasks(
        np.tile(np.arange(count), len(cuts)),
        np.repeat(np.arange(len(cuts)), count),
        np.concatenate(values).astype(np.float32),
        np.concatenate(certainty).astype(np.float32),
    )


def _masked_mean(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the mean of each map over its mask, (A,), 0 for an empty mask."""
    size = masks.sum(axis=(1, 2))
    return np.asarray((maps * masks).sum(axis=(1, 2)) / np.maximum(size, 1))


def clean(masks: np.ndarray) -> np.ndarray:
    """Keep the piece that contains the middle cell, and fill its holes.

    Args:
        masks: (M, G, G) bool.

    Returns:
        (M, G, G) bool, with the middle cell always set.
    """
    middle = WINDOW_CELLS // 2
    masks = masks.copy()
    masks[:, middle - 1 : middle + 2, middle - 1 : middle + 2] = True
    flat = np.zeros((3, 3, 3), bool)
    flat[1] = ndimage.generate_binary_structure(2, 1)
    pieces, _ = ndimage.label(masks, flat)
    masks = pieces == pieces[:, middle, middle][:, None, None]
    # The surround is all background that is connected to the padding around each window.
    padded = np.pad(~masks, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    outside, _ = ndimage.label(padded, flat)
    return np.asarray((outside != outside[:, :1, :1])[:, 1:-1, 1:-1])


def tree_regions(evidence: ImageEvidence, point: np.ndarray) -> np.ndarray:
    """Return the image regions at a point, independent of any assumed size, small to large.

    Args:
        evidence: the image.
        point: (x, y) fractions of the image.

    Returns:
        (T, h, w) bool masks of the working frame, T >= 1: the point's segment in the middle and
        coarse segmentation, and its ancestors in the merging tree without near-duplicates.
    """
    fine = evidence.segments[0]
    height, width = fine.shape
    row = min(max(int(point[1] * height), 0), height - 1)
    column = min(max(int(point[0] * width), 0), width - 1)
    found = [labels == labels[row, column] for labels in evidence.segments[1:]]
    path = _ancestors(evidence.parents, int(fine[row, column]))
    # Compute the step of the path at which each fine segment joins the region. Nodes are numbered
    # in the order of merging, so one pass from the root down passes the step on to the children.
    joins = np.full(len(evidence.parents), len(path))
    for node in range(len(joins) - 1, -1, -1):
        parent = evidence.parents[node]
        joins[node] = path.get(node, joins[parent] if parent != node else len(path))
    when = joins[: evidence.graph.num_segments][fine]
    sizes = np.cumsum(np.bincount(when.ravel(), minlength=len(path) + 1))
    last = 0
    for step in range(len(path)):
        if TREE_RATIO * last <= sizes[step] <= LARGEST_TREE_SHARE * fine.size:
            found.append(when <= step)
            last = sizes[step]
    return np.stack(found)


def _ancestors(parents: np.ndarray, leaf: int) -> dict[int, int]:
    """Return the nodes from a leaf to its root, each with its number of steps from the leaf."""
    path = {leaf: 0}
    while parents[leaf] != leaf:
        leaf = int(parents[leaf])
        path[leaf] = len(path)
    return path


def sample_windows(masks: WindowMasks, windows: Windows, lattice: Lattice) -> np.ndarray:
    """Sample window masks on the lattice, (M, Q, Q) bool, False outside the window."""
    chosen = masks.window_index
    rows, row_inside = _window_index(lattice.y, windows.center[chosen, 1], windows.reach[chosen, 1])
    columns, column_inside = _window_index(
        lattice.x, windows.center[chosen, 0], windows.reach[chosen, 0]
    )
    index = np.arange(len(chosen))[:, None, None]
    values = masks.values[index, rows[:, :, None], columns[:, None, :]] > 0
    return np.asarray(values & row_inside[:, :, None] & column_inside[:, None, :])


def _window_index(
    at: np.ndarray, center: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the window cell of each lattice coordinate, and True if inside, (M, Q)."""
    position = ((at - center[:, None]) / reach[:, None] + 1) * (0.5 * WINDOW_CELLS)
    inside = (position >= 0) & (position < WINDOW_CELLS)
    return np.clip(position.astype(np.int64), 0, WINDOW_CELLS - 1), inside


def sample_frame(frames: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Sample whole-image arrays (..., h, w) on the lattice at the nearest pixel, (..., Q, Q)."""
    height, width = frames.shape[-2:]
    rows = np.minimum((lattice.y * height).astype(np.int64), height - 1)
    columns = np.minimum((lattice.x * width).astype(np.int64), width - 1)
    return np.asarray(frames[..., rows[:, None], columns[None, :]])


def pairwise_iou(masks: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Return the IoU, (P, P) float32, of (P, Q, Q) masks on a lattice with (Q, Q) areas."""
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    weighted = flat * areas.ravel().astype(np.float32)
    size = weighted.sum(axis=1)
    overlap = weighted @ flat.T
    return np.asarray(overlap / np.maximum(size[:, None] + size[None] - overlap, 1e-9))
