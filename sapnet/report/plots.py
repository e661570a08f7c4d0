"""Small plots as inline SVG in the colors of the page, so that they follow its theme."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {
    "accent": "#010203",
    "truth": "#010204",
    "chosen": "#010205",
    "quiet": "#010206",
    "violet": "#010207",
    "teal": "#010208",
    "rose": "#010209",
    "ochre": "#01020a",
}
"""Placeholder colors by the page's CSS variables, which matplotlib cannot use."""

SERIES = ("accent", "chosen", "truth", "violet", "ochre", "teal", "rose")
"""Colors of series, with clearly different neighbors."""

_TEXT = "#040506"  # replaced by the text's color

SMALL, LARGE = (2.9, 1.6), (4.4, 2.7)
"""Sizes in inches of a curve among many, and of a single plot."""

NARROW = 3.8
"""Width in inches of plots with much text, so that it is readable on a phone."""

MAX_LINES_INSIDE = 4
"""Largest number of lines whose key is drawn inside of the axes."""

_KEY_ROW = 0.17  # height in inches of a row of a key below the axes
_KEY_LETTERS = 26  # longest name of which two fit side by side in a narrow plot


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        name: name in the key.
        x: (T,) ascending.
        y: (T,); NaN leaves a gap.
        color: a key of `COLORS`.
        is_dashed: True for a dashed line, which is recognized without colors.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    color: str = "accent"
    is_dashed: bool = False


@dataclass(frozen=True)
class AxisNames:
    """Names of the axes, and the range of y if it is fixed."""

    x: str
    y: str
    y_range: tuple[float, float] | None = None


def draw_svg(draw: Callable[[Axes], None], size: tuple[float, float], salt: str) -> str:
    """Draw a plot as SVG.

    Args:
        draw: function that draws on axes, in the colors of `COLORS`.
        size: (width, height) in inches; the page scales it.
        salt: text that determines the names of the drawing's parts, so that equal drawings give
            equal files.

    Returns:
        An `<svg>` element.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.size": 8,
        "text.color": _TEXT,
        "axes.labelcolor": _TEXT,
        "axes.edgecolor": _TEXT,
        "xtick.color": _TEXT,
        "ytick.color": _TEXT,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        picture = StringIO()
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    svg = picture.getvalue()
    svg = re.sub("<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    for name, placeholder in COLORS.items():
        svg = svg.replace(placeholder, f"var(--{name})")
    return svg.replace(_TEXT, "currentColor")


def draw_lines(lines: Sequence[Line], names: AxisNames) -> str:
    """Draw lines with a key, which lies below the axes if there are many lines.

    Args:
        lines: at least one line.
        names: names of the axes.
    """
    is_inside = len(lines) <= MAX_LINES_INSIDE
    size = LARGE if is_inside else (NARROW, LARGE[1] + key_height([line.name for line in lines]))

    def draw(axes: Axes) -> None:
        for line in lines:
            axes.plot(
                line.x,
                line.y,
                color=COLORS[line.color],
                linestyle="--" if line.is_dashed else "-",
                linewidth=1.6,
                marker="o" if len(line.x) < 20 else "",
                markersize=3,
                label=line.name,
            )
        _name_axes(axes, names)
        if is_inside:
            axes.legend(frameon=False, loc="best")
        else:
            put_key_below(axes)

    return draw_svg(draw, size, names.x + names.y)


def put_key_below(axes: Axes) -> None:
    """Put the key of a plot below its axes; the plot must be at least `NARROW` wide."""
    handles, names = axes.get_legend_handles_labels()
    axes.figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=_key_columns(names),
        frameon=False,
        columnspacing=1.2,
    )


def key_height(names: Sequence[str]) -> float:
    """Return the height in inches that `put_key_below` takes for these names."""
    return _KEY_ROW * ceil(len(names) / _key_columns(names))


def _key_columns(names: Sequence[str]) -> int:
    return 2 if max(map(len, names)) <= _KEY_LETTERS else 1


def draw_bars(edges: np.ndarray, lines: Sequence[Line], names: AxisNames) -> str:
    """Draw a histogram, with the first line as bars and the others as steps.

    Args:
        edges: (T + 1,) borders of the bars.
        lines: lines whose `y` are the heights, (T,).
        names: names of the axes.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        first, *others = lines
        axes.stairs(
            first.y, edges, fill=True, color=COLORS[first.color], alpha=0.75, label=first.name
        )
        for line in others:
            axes.stairs(
                line.y,
                edges,
                color=COLORS[line.color],
                linestyle="--" if line.is_dashed else "-",
                linewidth=1.6,
                label=line.name,
            )
        _name_axes(axes, names)
        axes.margins(x=0.01)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))  # the heights are counts
        if others:
            axes.legend(frameon=False, loc="best")

    return draw_svg(draw, LARGE, names.x + names.y)


def _name_axes(axes: Axes, names: AxisNames) -> None:
    axes.set_xlabel(names.x)
    axes.set_ylabel(names.y)
    if names.y_range is not None:
        axes.set_ylim(*names.y_range)
