"""Features of the cells of windows."""

import numpy as np

from sapnet.proposals.regions.evidence import STATIC_FEATURES, WINDOW_CELLS, Windows
from sapnet.proposals.regions.image import measure_image
from sapnet.proposals.regions.windows import cut_windows, place_clicks

MIDDLE = WINDOW_CELLS // 2


def windows_of_square(
    boxes: np.ndarray, rivals: tuple[tuple[float, float], ...] = ()
) -> tuple[Windows, np.ndarray]:
    """Windows round the middle of a red square, 40..80 of a grey 120 px image."""
    image = np.full((120, 120, 3), 90, np.uint8)
    image[40:80, 40:80] = (210, 40, 40)
    evidence = measure_image(image, 320)
    point = np.array([[0.5, 0.5]])
    others = np.array(rivals).reshape(-1, 2)
    field = place_clicks(evidence, point, others, np.ones((1, len(others)), bool))
    index = np.zeros(len(boxes), np.int64)
    return cut_windows(evidence, field, index, boxes), evidence.code_kernel


def feature(windows: Windows, name: str) -> np.ndarray:
    return windows.static[STATIC_FEATURES.index(name)]


def test_click_is_in_the_middle_cell() -> None:
    windows, _ = windows_of_square(np.array([[0.3, 0.3], [0.9, 0.5]]))

    assert windows.static.shape == (len(STATIC_FEATURES), 2, WINDOW_CELLS, WINDOW_CELLS)
    assert (feature(windows, "radius")[:, MIDDLE, MIDDLE] == 0).all()
    assert (feature(windows, "color_distance")[:, MIDDLE, MIDDLE] < 1e-3).all()
    assert (windows.inside[:, MIDDLE, MIDDLE] == 1).all()
    # 0.9 x 1.7 of the width does not fit the image, 0.3 x 1.7 does.
    assert windows.inside[0].all()
    assert not windows.inside[1].all()


def test_colour_and_geodesic_distance_rise_at_the_outline() -> None:
    windows, _ = windows_of_square(np.array([[1 / 3, 1 / 3]]))

    # The window spans 1.7 squares: its outermost cells lie outside, the middle third inside.
    for name in ("color_distance", "geodesic"):
        cells = feature(windows, name)[0]
        assert cells[MIDDLE, MIDDLE + 8] < 0.5 * cells[MIDDLE, -2]


def test_rival_side_is_one_here_zero_midway_and_minus_one_there() -> None:
    windows, _ = windows_of_square(np.array([[0.4, 0.4]]), ((0.7, 0.5),))
    side = feature(windows, "rival_side")[0, MIDDLE]
    x = 0.5 + 0.34 * ((np.arange(WINDOW_CELLS) + 0.5) / WINDOW_CELLS * 2 - 1)

    expected = np.clip(1 - 2 * (x - 0.5) / 0.2, -1, 1)
    np.testing.assert_allclose(side, expected, atol=1e-5)


def test_without_rivals_every_cell_is_the_clicks_own() -> None:
    windows, _ = windows_of_square(np.array([[0.4, 0.4]]))

    assert (feature(windows, "rival_side") == 1).all()
    assert (feature(windows, "geodesic_rival") == 1).all()
