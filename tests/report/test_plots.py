from xml.etree import ElementTree

import numpy as np

from sapnet.report.plots import MAX_LINES_INSIDE, AxisNames, Line, draw_bars, draw_lines

X = np.linspace(0, 1, 5)
LINES = [Line("labels", X, X), Line("best", X, 1 - X, "truth", is_dashed=True)]
NAMES = AxisNames("recall & more", "precision", (0, 1))


def _words(svg: str) -> str:
    return " ".join(text.strip() for text in ElementTree.fromstring(svg).itertext())


def test_lines_have_a_key_and_the_colours_of_the_page() -> None:
    svg = draw_lines(LINES, NAMES)
    assert {"labels", "best", "precision"} <= set(_words(svg).split())
    assert "recall & more" in _words(svg)
    assert "var(--accent)" in svg
    assert "var(--truth)" in svg
    assert "currentColor" in svg
    assert "#0102" not in svg
    assert "#0405" not in svg


def test_bars() -> None:
    svg = draw_bars(np.linspace(0, 1, 6), LINES, NAMES)
    assert "best" in _words(svg)
    # A single line names itself on the axis.
    assert "labels" not in _words(draw_bars(np.linspace(0, 1, 6), LINES[:1], NAMES))


def test_gaps_and_nothing_are_drawn() -> None:
    gap = Line("a", X, np.array([0, np.nan, 1, np.nan, np.nan]))
    ElementTree.fromstring(draw_lines([gap], NAMES))
    ElementTree.fromstring(draw_lines([Line("a", X, X * np.nan)], NAMES))


def test_equal_plots_are_equal_files() -> None:
    assert draw_lines(LINES, NAMES) == draw_lines(LINES, NAMES)


def _height(svg: str) -> float:
    return float(ElementTree.fromstring(svg).attrib["height"].removesuffix("pt"))


def test_the_key_of_many_lines_lies_below() -> None:
    def draw(count: int, name: str) -> str:
        return draw_lines([Line(f"{name} {index}", X, X) for index in range(count)], NAMES)

    few, many = draw(MAX_LINES_INSIDE, "line"), draw(MAX_LINES_INSIDE + 8, "line")
    assert _height(many) > _height(few) == _height(draw(1, "line"))
    assert f"line {MAX_LINES_INSIDE + 7}" in _words(many)
    # Long names have a row each.
    assert _height(draw(MAX_LINES_INSIDE + 8, "a line with a long name of its own")) > _height(many)
