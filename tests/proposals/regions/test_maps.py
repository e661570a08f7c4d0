"""Maps of the object in windows."""

import numpy as np

from sapnet.proposals.regions.evidence import WINDOW_CELLS
from sapnet.proposals.regions.maps import DYNAMIC_FEATURES, dynamic_features, object_maps
from sapnet.proposals.regions.prior import MAP_STAGES
from tests.proposals.regions.test_windows import MIDDLE, feature, windows_of_square


def test_moments_and_shares_of_a_known_map() -> None:
    windows, kernel = windows_of_square(np.array([[1 / 3, 1 / 3]]))
    maps = (feature(windows, "color_distance") < 0.5).astype(np.float32)

    seen = dict(zip(DYNAMIC_FEATURES, dynamic_features(windows, maps, kernel), strict=True))

    assert seen["moments"][0, MIDDLE, MIDDLE] < 0.01
    assert seen["moments"][0, 0, 0] > 2.0
    assert seen["color_ratio"][0, MIDDLE, MIDDLE] > 0 > seen["color_ratio"][0, 0, 0]
    assert seen["fine_share"][0, MIDDLE, MIDDLE] > 0.9
    np.testing.assert_array_equal(seen["map"], 2 * maps - 1)


def test_maps_find_the_square_and_stay_inside_the_image() -> None:
    windows, kernel = windows_of_square(np.array([[1 / 3, 1 / 3], [1.0, 1.0]]))

    maps = object_maps(windows, kernel, MAP_STAGES)

    assert len(maps) == len(MAP_STAGES)
    truth = feature(windows, "color_distance")[0] < 0.5
    found = maps[-1][0] > 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    for stage in maps:
        assert stage.min() >= 0
        assert stage.max() <= 1
        assert (stage[windows.inside == 0] == 0).all()


def test_no_windows() -> None:
    windows, kernel = windows_of_square(np.zeros((0, 2)))

    assert object_maps(windows, kernel, MAP_STAGES)[-1].shape == (0, WINDOW_CELLS, WINDOW_CELLS)
