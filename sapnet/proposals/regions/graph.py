"""The graph of an image's finest segments: geodesic distances and the merging tree.

Nothing is learned here. The module measures segments and the color steps between neighbors,
computes shortest paths, and builds the tree of regions by merging the most similar neighbors first.
"""

from __future__ import annotations

import heapq

import numpy as np
from scipy import sparse

from sapnet.proposals.regions.evidence import SegmentGraph

GEODESIC_STEP = 2.0
"""Lab units added to every step between two segments, so that spatial distance counts too."""

COLOR_UNIT = 100.0
"""Lab difference that counts as 1 when merging."""

SIZE_WEIGHT = 0.6
"""Weight of a pair's joint size relative to its color difference; small pairs merge first."""

FILL_WEIGHT = 0.6
"""Weight of the empty part of a pair's joint box; compact pairs merge first."""


def build_graph(lab: np.ndarray, labels: np.ndarray) -> SegmentGraph:
    """Measure segments and their common borders.

    Args:
        lab: (h, w, 3) float32 Lab image.
        labels: (h, w) int64 segment of each pixel, 0..S-1, no segment empty.
    """
    num_segments = int(labels.max()) + 1
    flat = labels.ravel()
    areas = np.bincount(flat, minlength=num_segments).astype(np.float64)
    colors = np.stack(
        [np.bincount(flat, lab[..., i].ravel(), num_segments) / areas for i in range(3)], axis=1
    )
    keys, steps = [], []
    for axis in (0, 1):
        near = np.take(labels, np.arange(labels.shape[axis] - 1), axis)
        far = np.take(labels, np.arange(1, labels.shape[axis]), axis)
        step = np.linalg.norm(np.diff(lab, axis=axis), axis=2)
        border = near != far
        low, high = np.minimum(near, far)[border], np.maximum(near, far)[border]
        keys.append(low.astype(np.int64) * num_segments + high)
        steps.append(step[border])
    unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    total = np.bincount(inverse, np.concatenate(steps), len(unique))
    count = np.bincount(inverse, minlength=len(unique))
    pairs = np.stack([unique // num_segments, unique % num_segments], axis=1)
    return SegmentGraph(
        colors, areas, _segment_boxes(labels, num_segments), pairs, total / np.maximum(count, 1)
    )


def _segment_boxes(labels: np.ndarray, num_segments: int) -> np.ndarray:
    """Return the tight box of each segment, (S, 4), pixel edges."""
    rows, columns = np.indices(labels.shape)
    boxes = np.empty((num_segments, 4))
    flat = labels.ravel()
    for slot, values in ((0, columns), (1, rows)):
        low = np.full(num_segments, np.inf)
        high = np.full(num_segments, -np.inf)
        np.minimum.at(low, flat, values.ravel())
        np.maximum.at(high, flat, values.ravel())
        boxes[:, slot], boxes[:, slot + 2] = low, high + 1
    return boxes


def geodesic_distances(graph: SegmentGraph, sources: np.ndarray) -> np.ndarray:
    """Return the length of the shortest path from each source segment to every segment.

    Args:
        graph: the segments.
        sources: (N,) int64 segment that each path starts from.

    Returns:
        (N, S) float64 in Lab units; a step costs half the border's contrast, half the
        difference of the mean colours, and `GEODESIC_STEP`.
    """
    s = graph.num_segments
    if len(sources) == 0 or len(graph.pairs) == 0:
        return np.zeros((len(sources), s))
    first, second = graph.pairs.T
    difference = np.linalg.norm(graph.colors[first] - graph.colors[second], axis=1)
    weights = 0.5 * (graph.contrasts + difference) + GEODESIC_STEP
    matrix = sparse.csr_matrix((weights, (first, second)), shape=(s, s))
    distances = sparse.csgraph.dijkstra(matrix, directed=False, indices=sources)
    return np.asarray(distances)


class _Regions:
    """Regions during merging; plain lists, because each step changes only two of them."""

    def __init__(self, graph: SegmentGraph) -> None:
        self.areas: list[float] = graph.areas.tolist()
        self.colors: list[list[float]] = graph.colors.tolist()
        self.boxes: list[list[float]] = graph.boxes.tolist()
        self.neighbours: list[dict[int, float]] = [{} for _ in self.areas]
        for (a, b), contrast in zip(graph.pairs.tolist(), graph.contrasts.tolist(), strict=True):
            self.neighbours[a][b] = self.neighbours[b][a] = contrast
        self.image_area = sum(self.areas)

    def cost(self, a: int, b: int) -> float:
        """Return the dissimilarity of two neighbors; large and loosely packed pairs cost more."""
        (l1, a1, b1), (l2, a2, b2) = self.colors[a], self.colors[b]
        box, other = self.boxes[a], self.boxes[b]
        width = max(box[2], other[2]) - min(box[0], other[0])
        height = max(box[3], other[3]) - min(box[1], other[1])
        joint = self.areas[a] + self.areas[b]
        color = abs(l1 - l2) + abs(a1 - a2) + abs(b1 - b2) + self.neighbours[a][b]
        empty = width * height - joint
        extent = (SIZE_WEIGHT * joint + FILL_WEIGHT * empty) / self.image_area
        return float(color / COLOR_UNIT + extent)

    def merge(self, a: int, b: int) -> dict[int, float]:
        """Append the union of a and b; return its neighbors and their contrasts."""
        node, joint = len(self.areas), self.areas[a] + self.areas[b]
        share = self.areas[a] / joint
        box, other = self.boxes[a], self.boxes[b]
        self.areas.append(joint)
        self.colors.append(
            [
                x * share + y * (1 - share)
                for x, y in zip(self.colors[a], self.colors[b], strict=True)
            ]
        )
        self.boxes.append(
            [
                min(box[0], other[0]),
                min(box[1], other[1]),
                max(box[2], other[2]),
                max(box[3], other[3]),
            ]
        )
        merged = {n: contrast for n, contrast in self.neighbours[a].items() if n != b}
        for n, contrast in self.neighbours[b].items():
            if n != a:
                merged[n] = 0.5 * (merged[n] + contrast) if n in merged else contrast
        for n, contrast in merged.items():
            self.neighbours[n].pop(a, None)
            self.neighbours[n].pop(b, None)
            self.neighbours[n][node] = contrast
        self.neighbours.append(merged)
        return merged


def merge_segments(graph: SegmentGraph) -> np.ndarray:
    """Merge the most similar neighbors repeatedly until one region is left.

    Returns:
        (2 S - 1,) int64 parent of every node; leaves are the segments 0..S-1, merge i makes node
        S + i, and the root is its own parent. There are fewer nodes if segments do not touch.
    """
    regions = _Regions(graph)
    parents = list(range(graph.num_segments))
    heap = [(regions.cost(a, b), a, b) for a, b in graph.pairs.tolist()]
    heapq.heapify(heap)
    while heap:
        _, a, b = heapq.heappop(heap)
        if parents[a] != a or parents[b] != b:
            continue
        node = len(parents)
        parents[a] = parents[b] = node
        parents.append(node)
        for other in regions.merge(a, b):
            heapq.heappush(heap, (regions.cost(node, other), node, other))
    return np.asarray(parents, dtype=np.int64)
