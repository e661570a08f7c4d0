import numpy as np
import pytest

from sapnet.data.click_weights import (
    BORDER_REACH,
    border_weights,
    central_ellipse,
    draw_points,
    nearest_to_center,
    quasi_center_weights,
)


def test_nearest_to_center_takes_the_first_of_several() -> None:
    mask = np.ones((3, 3))
    mask[1, 1] = 0
    assert np.argwhere(nearest_to_center(mask)).tolist() == [[0, 1]]


def test_border_weights_by_hand() -> None:
    weights = border_weights(np.ones((7, 9)))
    expected = np.ones((7, 9))
    expected[2:5, 2:7] = 0  # three pixels and more from the outside
    np.testing.assert_allclose(weights, expected / expected.sum())
    holed = np.ones((21, 21))
    holed[10, 10] = 0
    ring = np.argwhere(border_weights(holed)[5:16, 5:16] > 0) - 5
    assert sorted(map(tuple, ring.tolist())) == sorted(
        (y, x) for y in range(-5, 6) for x in range(-5, 6) if 0 < y * y + x * x <= BORDER_REACH**2
    )


def test_ellipse_by_hand() -> None:
    # Semi-axes 2 and 1 round the middle of 4 x 8 pixels.
    found = central_ellipse(4, 8, 0.5, 96.0)
    expected = np.zeros((4, 8), bool)
    expected[1:3, 2:6] = True
    for row, column in [(1, 2), (1, 5), (2, 2), (2, 5)]:
        expected[row, column] = (1.5 / 2) ** 2 + 0.5**2 <= 1
    np.testing.assert_array_equal(found, expected)


def test_ellipse_is_capped_and_symmetric() -> None:
    ellipse = central_ellipse(10, 1001, 1.0, 3.0)
    assert np.flatnonzero(ellipse.any(0)).tolist() == [498, 499, 500, 501, 502]
    np.testing.assert_array_equal(ellipse, ellipse[::-1, ::-1])


def test_weights_by_hand() -> None:
    mask = np.ones((1, 3), np.uint8)
    weights = quasi_center_weights(mask, np.ones((1, 3), bool))
    side = np.exp(-0.5 * (0.5 / 0.25) ** 2)
    np.testing.assert_allclose(weights, [[side, 1, side]] / (1 + 2 * side))


def test_weights_drop_an_empty_region() -> None:
    mask = np.eye(4, dtype=np.uint8)
    weights = quasi_center_weights(mask, np.zeros((4, 4), bool))
    np.testing.assert_array_equal(weights > 0, mask > 0)
    assert weights.sum() == pytest.approx(1)


def test_weights_do_not_underflow() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[0, 0] = 1
    weights = quasi_center_weights(mask, np.zeros((5, 5), bool), sigma=(1e-3, 1e-3))
    assert weights[0, 0] == 1


def test_weights_of_an_empty_mask() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        quasi_center_weights(np.zeros((2, 2)), np.ones((2, 2), bool))


def test_drawn_points_follow_the_weights() -> None:
    weights = np.array([[0.0, 0.25], [0.75, 0.0]])
    points = draw_points(weights, (10, 20), np.random.default_rng(0), count=4000)
    assert {(x, y) for x, y in points.tolist()} == {(11.5, 20.5), (10.5, 21.5)}
    assert (points[:, 0] == 10.5).mean() == pytest.approx(0.75, abs=0.03)


def test_jitter_and_offset() -> None:
    weights = np.ones((1, 1))
    points = draw_points(
        weights, (3, 4), np.random.default_rng(0), count=2000, offset=0.0, jitter=1.0
    )
    assert (np.abs(points - [3, 4]) <= 0.5).all()
    np.testing.assert_allclose(points.var(0), 1 / 12, rtol=0.1)
