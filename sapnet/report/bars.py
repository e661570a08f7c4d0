"""Bars of many named things, one row each, as inline SVG in the colours of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.report.plots import COLORS, NARROW, draw_svg, key_height, put_key_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_HEIGHT, GROUP_BAR_HEIGHT = 0.21, 0.11
"""Inches: of a row with one bar, of each bar in a row of several."""

FRAME_HEIGHT = 0.75
"""Inches that the axis and its name take."""

BAR_SHARE = 0.74
"""Of a row's height, the rest is between the rows."""

VALUE_SPACE = 0.3
"""Share of the longest bar for the values beside it, clear of all lines."""


@dataclass(frozen=True)
class Bars:
    """Bars of one colour, one per row.

    Attributes:
        name: for the key.
        values: (N,) lengths, at least 0; NaN leaves a row without a bar.
        color: a key of `COLORS`.
        errors: (N,) half the length of the error bars; NaN where there are none. None: nowhere.
    """

    name: str
    values: np.ndarray
    color: str
    errors: np.ndarray | None = None


@dataclass(frozen=True)
class Reference:
    """A value that the bars are compared with, a line across all rows."""

    name: str
    value: float
    color: str


def draw_row_bars(
    rows: Sequence[str],
    series: Sequence[Bars],
    axis: str,
    references: Sequence[Reference] = (),
) -> str:
    """Return rows with one bar each, its value to the right. The series share the rows out among them.

    Args:
        rows: N names, from the top.
        series: at most one of them has a value in a row.
        axis: what the lengths are.
        references: lines across.

    Returns:
        An `<svg>` element.
    """

    def draw(axes: Axes) -> None:
        y = np.arange(len(rows))
        ends = [reference.value for reference in references]
        for bars in series:
            _draw_row(axes, y, bars, BAR_SHARE)
            tips = bars.values + np.nan_to_num(_errors(bars))
            _draw_errors(axes, y, bars)
            for place in np.flatnonzero(np.isfinite(bars.values)):
                _write_value(axes, y[place], bars.values[place])
            ends += tips[np.isfinite(tips)].tolist()
        for reference in references:
            axes.axvline(
                reference.value,
                color=COLORS[reference.color],
                linestyle="--",
                linewidth=1.2,
                label=_in_key(reference),
            )
        axes.set_xlim(0, max(ends, default=1) * (1 + VALUE_SPACE))
        _finish(axes, rows, axis)

    keys = [*(bars.name for bars in series), *map(_in_key, references)]
    return draw_svg(draw, _size(len(rows) * ROW_HEIGHT, keys), axis)


def draw_grouped_bars(rows: Sequence[str], series: Sequence[Bars], axis: str) -> str:
    """Return rows with a bar of every series, the first on top.

    Args:
        rows: N names, from the top.
        series: at least one.
        axis: what the lengths are.

    Returns:
        An `<svg>` element.
    """

    def draw(axes: Axes) -> None:
        height = BAR_SHARE / len(series)
        for place, bars in enumerate(series):
            y = np.arange(len(rows)) + (place - (len(series) - 1) / 2) * height
            _draw_row(axes, y, bars, height)
            _draw_errors(axes, y, bars)
        axes.set_xlim(left=0)
        _finish(axes, rows, axis)

    row_height = len(series) * GROUP_BAR_HEIGHT / BAR_SHARE
    return draw_svg(draw, _size(len(rows) * row_height, [bars.name for bars in series]), axis)


def draw_stacked_bars(rows: Sequence[str], series: Sequence[Bars], axis: str) -> str:
    """Return rows with the bars of all series end to end; no error bars.

    Args:
        rows: N names, from the top.
        series: from the left; shares, whose sum is at most 1.
        axis: what the lengths are.

    Returns:
        An `<svg>` element.
    """

    def draw(axes: Axes) -> None:
        y, left = np.arange(len(rows)), np.zeros(len(rows))
        for bars in series:
            _draw_row(axes, y, bars, BAR_SHARE, left)
            left += np.nan_to_num(bars.values)
        axes.set_xlim(0, 1)
        _finish(axes, rows, axis)

    return draw_svg(draw, _size(len(rows) * ROW_HEIGHT, [bars.name for bars in series]), axis)


def _draw_row(
    axes: Axes, y: np.ndarray, bars: Bars, height: float, left: np.ndarray | float = 0
) -> None:
    axes.barh(
        y,
        np.nan_to_num(bars.values),
        height,
        left,
        color=COLORS[bars.color],
        alpha=0.85,
        linewidth=0,
        label=bars.name,
    )


def _errors(bars: Bars) -> np.ndarray:
    return np.full(len(bars.values), np.nan) if bars.errors is None else bars.errors


def _draw_errors(axes: Axes, y: np.ndarray, bars: Bars) -> None:
    """Return error bars of the rows that have one, in the colour of the text."""
    errors = _errors(bars)
    known = np.isfinite(errors) & np.isfinite(bars.values)
    if known.any():
        axes.errorbar(
            bars.values[known],
            y[known],
            xerr=errors[known],
            fmt="none",
            ecolor=axes.xaxis.label.get_color(),
            elinewidth=1,
            capsize=2,
        )


def _write_value(axes: Axes, y: float, value: float) -> None:
    """Return a value at the right end of its row."""
    axes.text(1, y, f"{value:.3f}", ha="right", va="center", transform=axes.get_yaxis_transform())


def _finish(axes: Axes, rows: Sequence[str], axis: str) -> None:
    """Return names of the rows, the first on top, and of the axis; the key below."""
    axes.set_yticks(np.arange(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(axis)
    if len(axes.get_legend_handles_labels()[1]) > 1:
        put_key_below(axes)


def _in_key(reference: Reference) -> str:
    return f"{reference.name} {reference.value:.3f}"


def _size(rows_height: float, keys: Sequence[str]) -> tuple[float, float]:
    """Return (width, height) of a plot in inches."""
    return NARROW, rows_height + FRAME_HEIGHT + key_height(keys)
