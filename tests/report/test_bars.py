from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes

from sapnet.report.bars import (
    Bars,
    Reference,
    draw_grouped_bars,
    draw_row_bars,
    draw_stacked_bars,
)

ROWS = ["first", "second & last"]
NONE = np.full(2, np.nan)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of what is drawn, which the SVG does not tell apart."""
    axes: list[Axes] = []
    original = Axes.set_yticks

    def set_yticks(self: Axes, *args: object) -> object:
        axes.append(self)
        return original(self, *args)

    monkeypatch.setattr(Axes, "set_yticks", set_yticks)
    return axes


def _bars(axes: Axes) -> list[tuple[float, float, float]]:
    """Left end, length and middle height of every bar."""
    return [(b.get_x(), b.get_width(), b.get_y() + b.get_height() / 2) for b in axes.patches]


def _words(svg: str) -> list[str]:
    texts = (text.strip() for text in ElementTree.fromstring(svg).itertext())
    return [text for text in texts if text]


def _error_bars(axes: Axes) -> list[tuple[float, float]]:
    """Ends of the error bars, from the top."""
    ends = []
    for container in axes.containers:
        for bars in getattr(container, "lines", [None, None, ()])[2]:
            ends += [(segment[0][0], segment[1][0]) for segment in bars.get_segments()]
    return ends


def _names(axes: Axes) -> Sequence[str]:
    return axes.get_legend_handles_labels()[1]


def test_one_bar_a_row_with_its_value(drawn: list[Axes]) -> None:
    series = [
        Bars("theirs", np.array([0.25, np.nan]), "accent", np.array([0.05, np.nan])),
        Bars("ours", np.array([np.nan, 0.5]), "chosen", NONE),
    ]

    svg = draw_row_bars(ROWS, series, "mIoU", [Reference("best", 0.9, "truth")])

    assert {*ROWS, "theirs", "ours", "best 0.900", "0.250", "0.500", "mIoU"} <= set(_words(svg))
    for name in ("accent", "chosen", "truth"):
        assert f"var(--{name})" in svg
    assert "#0102" not in svg
    (axes,) = drawn
    assert [bar for bar in _bars(axes) if bar[1]] == [(0, 0.25, 0), (0, 0.5, 1)]
    # A system with one seed has no error bar.
    assert _error_bars(axes) == [pytest.approx((0.2, 0.3))]
    # The values lie clear of the furthest line; the first row is on top.
    assert axes.get_xlim()[1] > 0.9 * 1.2
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_no_errors_and_no_key_for_one_colour(drawn: list[Axes]) -> None:
    svg = draw_row_bars(ROWS, [Bars("all", np.array([0.25, 0.5]), "accent")], "mIoU")
    assert "all" not in _words(svg)
    assert _error_bars(drawn[0]) == []


def test_groups_lie_side_by_side(drawn: list[Axes]) -> None:
    series = [
        Bars("small", np.array([0.25, 0.5]), "accent", np.array([np.nan, 0.1])),
        Bars("large", np.array([0.75, np.nan]), "truth"),
    ]

    svg = draw_grouped_bars(ROWS, series, "mIoU")

    assert {"small", "large"} <= set(_words(svg))
    (axes,) = drawn
    bars = _bars(axes)
    assert [length for _, length, _ in bars] == [0.25, 0.5, 0.75, 0]
    heights = [y for _, _, y in bars]
    assert heights[0] < 0 < heights[2]  # the first series on top, both around their row
    assert heights[0] + heights[2] == pytest.approx(0)
    assert _error_bars(axes) == [pytest.approx((0.4, 0.6))]


def test_stacks_go_on_where_the_last_bar_ended(drawn: list[Axes]) -> None:
    series = [
        Bars("part", np.array([0.25, np.nan]), "accent"),
        Bars("whole", np.array([0.75, 1.0]), "truth"),
    ]

    draw_stacked_bars(ROWS, series, "share")

    assert _bars(drawn[0]) == [(0, 0.25, 0), (0, 0, 1), (0.25, 0.75, 0), (0, 1, 1)]
    assert drawn[0].get_xlim() == (0, 1)
    assert _names(drawn[0]) == ["part", "whole"]


def test_plots_grow_with_their_rows_and_are_equal_files() -> None:
    def height(count: int) -> float:
        bars = [Bars("all", np.linspace(0.1, 0.9, count), "accent")]
        names = [f"system {index}" for index in range(count)]
        svg = draw_row_bars(names, bars, "mIoU")
        assert svg == draw_row_bars(names, bars, "mIoU")
        return float(ElementTree.fromstring(svg).attrib["height"].removesuffix("pt"))

    # 72 points an inch: rows have room for their names, set in 8 points.
    assert (height(14) - height(4)) / 10 >= 12
