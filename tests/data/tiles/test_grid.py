from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapnet.data.tiles.grid import Tiling


def test_windows_are_spread_evenly_and_reach_the_far_border() -> None:
    assert Tiling(100, 20).starts(250) == [0, 75, 150]
    assert Tiling(100, 20).starts(100) == [0]
    assert Tiling(100, 0).starts(101) == [0, 1]
    assert Tiling(100, 20).starts(30) == [0]


def test_a_small_image_is_one_window_of_its_size() -> None:
    (window,) = Tiling(100, 25).windows(40, 90)
    assert (window.x, window.y, window.width, window.height) == (0, 0, 90, 40)


@given(
    size=st.integers(64, 300),
    share=st.floats(0, 0.5),
    height=st.integers(1, 1500),
    width=st.integers(1, 1500),
    at=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)),
)
def test_every_point_has_a_home_that_shows_it(
    size: int, share: float, height: int, width: int, at: tuple[float, float]
) -> None:
    tiling = Tiling(size, int(size * share))
    windows = tiling.windows(height, width)
    x, y = at[0] * width, at[1] * height
    home = tiling.home((x, y), height, width)
    shown = tiling.showing((x, y), height, width)
    assert home in shown
    assert len(shown) <= 16

    def margin(number: int) -> float:
        w = windows[number]
        sides = []
        if w.x > 0:
            sides.append(x - w.x)
        if w.x + w.width < width:
            sides.append(w.x + w.width - x)
        if w.y > 0:
            sides.append(y - w.y)
        if w.y + w.height < height:
            sides.append(w.y + w.height - y)
        return min(sides, default=1e9)

    assert margin(home) >= max(map(margin, shown)) - 1  # starts are whole pixels
    assert margin(home) >= tiling.overlap / 2 - 1
    for before, after in zip(tiling.starts(width), tiling.starts(width)[1:], strict=False):
        assert before + size - after >= tiling.overlap


def test_settings_name_windows_or_none() -> None:
    assert Tiling.of(None) is None
    assert Tiling.of(0) is None
    assert Tiling.of(1024) == Tiling(1024, 256)
    assert Tiling.of(1024, 0) == Tiling(1024, 0)
    with pytest.raises(ValueError, match="half of a window's side"):
        Tiling.of(100, 51)
    with pytest.raises(ValueError, match="expected 64 px or more"):
        Tiling.of(20)
