"""Segments, their distances and their merging."""

import numpy as np

from sapnet.proposals.regions.graph import (
    GEODESIC_STEP,
    build_graph,
    geodesic_distances,
    merge_segments,
)


def stripes() -> tuple[np.ndarray, np.ndarray]:
    """Four stripes of two columns with lightness 0, 10, 60 and 65."""
    labels = np.repeat(np.arange(4), 2)[None].repeat(3, axis=0)
    lab = np.zeros((3, 8, 3), np.float32)
    lab[..., 0] = np.array([0, 10, 60, 65])[labels]
    return lab, labels


def test_measures_of_segments() -> None:
    graph = build_graph(*stripes())

    assert graph.num_segments == 4
    assert graph.areas.tolist() == [6, 6, 6, 6]
    assert graph.colors[:, 0].tolist() == [0, 10, 60, 65]
    assert graph.boxes[1].tolist() == [2, 0, 4, 3]
    assert graph.pairs.tolist() == [[0, 1], [1, 2], [2, 3]]
    np.testing.assert_allclose(graph.contrasts, [10, 50, 5])


def test_geodesic_distances_add_up_along_the_path() -> None:
    graph = build_graph(*stripes())

    distances = geodesic_distances(graph, np.array([0, 3]))

    steps = np.array([10, 50, 5]) + GEODESIC_STEP
    np.testing.assert_allclose(distances[0], [0, *np.cumsum(steps)])
    np.testing.assert_allclose(distances[1], [*np.cumsum(steps[::-1])[::-1], 0])


def test_no_sources_and_a_single_segment() -> None:
    lab = np.zeros((2, 2, 3), np.float32)
    graph = build_graph(lab, np.zeros((2, 2), np.int64))

    assert geodesic_distances(graph, np.zeros(0, np.int64)).shape == (0, 1)
    assert geodesic_distances(graph, np.array([0])).tolist() == [[0.0]]
    assert merge_segments(graph).tolist() == [0]


def test_most_similar_neighbours_merge_first() -> None:
    parents = merge_segments(build_graph(*stripes()))

    # 2 and 3 (5 apart) make node 4, 0 and 1 (10 apart) node 5, both of them the root, node 6.
    assert parents.tolist() == [5, 5, 4, 4, 6, 6, 6]
