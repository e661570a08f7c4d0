"""Bar plots with one named row per entry, as inline SVG in the colors of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.report.plots import COLORS, NARROW, draw_svg, key_height, put_key_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_HEIGHT, GROUP_BAR_HEIGHT = 0.21, 0.11
"""Heights in inches of a row with one bar, and of each bar in a row of several."""

FRAME_HEIGHT = 0.75
"""Height in inches of the axis and its name."""

BAR_SHARE = 0.74
"""Share of a row's height for its bars; the rest separates the rows."""

VALUE_SPACE = 0.3
"""Space for the values to the right of the bars, as a share of the longest bar."""


@dataclass(frozen=True)
class Bars:
    """Bars of one color, one per row.

    Attributes:
        name: name in the key.
        values: (N,) lengths, at least 0; NaN leaves a row without a bar.
        color: a key of `COLORS`.
        errors: (N,) half lengths of the error bars; NaN for no error bar. None for none at all.
    """

    name: str
    values: np.ndarray
    color: str
    errors: np.ndarray | None = None


@dataclass(frozen=True)
class Reference:
    """A reference value, drawn as a line across all rows."""

    name: str
    value: float
    color: str


def draw_row_bars(
    rows: Sequence[str],
    series: Sequence[Bars],
    axis: str,
    references: Sequence[Reference] = (),
) -> str:
    """Draw rows with one bar each and its value to the right.

    Args:
        rows: N names, from the top.
        series: the bars; at most one series has a value in a row.
        axis: name of the axis.
        references: reference values.

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
    """Draw rows with one bar of every series, the first series on top.

    Args:
        rows: N names, from the top.
        series: at least one series.
        axis: name of the axis.

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
    """Draw rows with the bars of all series end to end, without error bars.

    Args:
        rows: N names, from the top.
        series: the bars from the left; shares, whose sum is at most 1.
        axis: name of the axis.

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
    """Draw the error bars of the rows that have one, in the color of the text."""
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
    """Write a value at the right end of its row."""
    axes.text(1, y, f"{value:.3f}", ha="right", va="center", transform=axes.get_yaxis_transform())


def _finish(axes: Axes, rows: Sequence[str], axis: str) -> None:
    """Add the names of the rows, the first on top, and of the axis, and the key below."""
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
