"""The order of the images: doubts worked out by hand, and distances from what is taken."""

import numpy as np
import pytest

from sapnet.annotate.suggest.ordering import UNSEEN_DOUBT, Spread, image_doubt, spread_order


def test_doubts_by_hand() -> None:
    assert image_doubt([]) == UNSEEN_DOUBT
    assert image_doubt([1.0]) == 0
    assert image_doubt([0.5]) == 1
    assert image_doubt([0.9, 0.4]) == pytest.approx((0.2 + 0.8) / 2)
    # sure instances beside three doubtful ones do not make an image sure
    assert image_doubt([0.99] * 20 + [0.5, 0.5, 0.5]) == 1


def test_distances_are_those_from_the_nearest_taken_image() -> None:
    vectors = np.array([[1, 0], [0, 1], [np.sqrt(0.5), np.sqrt(0.5)], [-1, 0]], np.float32)
    spread = Spread(vectors)
    assert spread.distances(set()).tolist() == [1, 1, 1, 1]
    near = 1 - np.sqrt(0.5)
    np.testing.assert_allclose(spread.distances({0}), [0, 1, near, 1], atol=1e-6)
    np.testing.assert_allclose(spread.distances({0, 1}), [0, 0, near, 1], atol=1e-6)
    np.testing.assert_allclose(spread.distances({1}), [1, 0, near, 1], atol=1e-6)  # undone


def test_any_beginning_of_the_order_is_spread() -> None:
    assert list(spread_order(0)) == []
    assert list(spread_order(1)) == [0]
    assert list(spread_order(8)) == [0, 4, 2, 6, 1, 5, 3, 7]
    assert sorted(spread_order(13)) == list(range(13))
