"""Cleaning candidates and comparing them on the lattice."""

import numpy as np
import pytest

from sapnet.proposals.regions.evidence import WINDOW_CELLS
from sapnet.proposals.regions.image import measure_image
from sapnet.proposals.regions.pool import (
    clean,
    make_lattice,
    pairwise_iou,
    sample_frame,
    tree_regions,
)

MIDDLE = WINDOW_CELLS // 2


@pytest.mark.parametrize("point", [(0.5, 0.5), (0.1, 0.8), (0.0, 1.0)])
def test_lattice_tiles_the_image(point: tuple[float, float]) -> None:
    lattice = make_lattice(np.array(point))

    assert lattice.areas.sum() == pytest.approx(1.0)
    assert lattice.x_edges[[0, -1]].tolist() == [0.0, 1.0]
    assert (np.diff(lattice.x_edges) > 0).all()
    assert (np.diff(lattice.y_edges) > 0).all()


def test_lattice_is_finest_at_the_click() -> None:
    lattice = make_lattice(np.array([0.3, 0.6]))
    rows, columns = np.nonzero(lattice.at_click)

    assert lattice.at_click.sum() == 4
    assert lattice.x_edges[columns.min() + 1] == pytest.approx(0.3)
    assert lattice.y_edges[rows.min() + 1] == pytest.approx(0.6)
    widths = np.diff(lattice.x_edges)
    assert widths[columns].max() < 0.1 * widths.max()


def test_cleaning_keeps_the_clicked_piece_and_fills_its_holes() -> None:
    masks = np.zeros((2, WINDOW_CELLS, WINDOW_CELLS), bool)
    masks[0, 10:31, 10:31] = True
    masks[0, 12:14, 12:14] = False  # a hole
    masks[0, 0:3, 0:3] = True  # another piece

    cleaned = clean(masks)

    expected = np.zeros((WINDOW_CELLS, WINDOW_CELLS), bool)
    expected[10:31, 10:31] = True
    np.testing.assert_array_equal(cleaned[0], expected)
    # An empty map still gives the cells round the click.
    assert cleaned[1, MIDDLE, MIDDLE]
    assert cleaned[1].sum() == 9


def test_pieces_of_other_windows_do_not_join() -> None:
    masks = np.zeros((2, WINDOW_CELLS, WINDOW_CELLS), bool)
    masks[1] = True

    cleaned = clean(masks)

    assert cleaned[0].sum() == 9
    assert cleaned[1].all()


def test_pairwise_iou_equals_a_loop() -> None:
    generator = np.random.default_rng(0)
    masks = generator.random((4, 6, 6)) > 0.5
    areas = generator.random((6, 6))

    found = pairwise_iou(masks, areas)

    for a in range(4):
        for b in range(4):
            expected = areas[masks[a] & masks[b]].sum() / areas[masks[a] | masks[b]].sum()
            assert found[a, b] == pytest.approx(expected, rel=1e-5)


def test_frame_on_the_lattice_keeps_its_area() -> None:
    frames = np.zeros((1, 200, 300), bool)
    frames[0, 50:150, 60:240] = True
    lattice = make_lattice(np.array([0.5, 0.5]))

    sampled = sample_frame(frames, lattice)

    assert (sampled[0] * lattice.areas).sum() == pytest.approx(0.3, abs=0.05)


def test_tree_regions_hold_the_click_and_most_of_the_square() -> None:
    image = np.full((80, 80, 3), 30, np.uint8)
    image[20:60, 20:60] = (200, 40, 40)

    regions = tree_regions(measure_image(image, 320), np.array([0.5, 0.5]))

    assert regions[:, 40, 40].all()
    square = np.zeros((80, 80), bool)
    square[20:60, 20:60] = True
    overlap = (regions & square).sum(axis=(1, 2)) / (regions | square).sum(axis=(1, 2))
    # The smoothed border of a drawn square is a ring of segments of its own.
    assert overlap.max() > 0.75
