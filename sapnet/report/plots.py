"""Small plots as inline SVG in the colours of the page, so that they follow its theme."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {
    "accent": "#010203",
    "truth": "#010204",
    "chosen": "#010205",
    "quiet": "#010206",
}
"""Placeholder by the page's variable: matplotlib takes no CSS variables."""

_TEXT = "#040506"  # replaced by the text's colour

SMALL, LARGE = (2.9, 1.6), (4.4, 2.7)
"""Inches: a curve among many, a plot of its own."""


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        name: for the key.
        x: (T,) ascending.
        y: (T,); NaN leaves a gap.
        color: a key of `COLORS`.
        is_dashed: tells lines apart without their colours.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    color: str = "accent"
    is_dashed: bool = False


@dataclass(frozen=True)
class AxisNames:
    """What the axes show, and the range of y where it is fixed."""

    x: str
    y: str
    y_range: tuple[float, float] | None = None


def draw_svg(draw: Callable[[Axes], None], size: tuple[float, float], salt: str) -> str:
    """What `draw` puts on axes, as SVG.

    Args:
        draw: draws with the colours of `COLORS`.
        size: (width, height) in inches; the page scales it.
        salt: names of the drawing's parts depend on it: equal drawings are equal files.

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
    """Lines with a key.

    Args:
        lines: at least one.
        names: of the axes.
    """

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
        axes.legend(frameon=False, loc="best")

    return draw_svg(draw, LARGE, names.x + names.y)


def draw_bars(edges: np.ndarray, lines: Sequence[Line], names: AxisNames) -> str:
    """A histogram: the first line as bars, the others as steps.

    Args:
        edges: (T + 1,) borders of the bars.
        lines: heights (T,) as `y`.
        names: of the axes.
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
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))  # bars count things
        if others:
            axes.legend(frameon=False, loc="best")

    return draw_svg(draw, LARGE, names.x + names.y)


def _name_axes(axes: Axes, names: AxisNames) -> None:
    axes.set_xlabel(names.x)
    axes.set_ylabel(names.y)
    if names.y_range is not None:
        axes.set_ylim(*names.y_range)
