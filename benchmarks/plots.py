"""Plots of benchmarks: cost against size, both logarithmic, and scores against kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

COLOURS = ("#1d5fd1", "#c2410c", "#15803d", "#7e22ce")


def draw_costs(
    path: Path, sizes: Sequence[int], costs: Mapping[str, Sequence[float]], labels: tuple[str, str]
) -> None:
    """Draw lines of costs against sizes, both axes logarithmic.

    Args:
        path: PNG file to write.
        sizes: values along x.
        costs: a value per size, by the name of the line.
        labels: names of the axes, x and y.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, values), colour in zip(costs.items(), COLOURS, strict=False):
        axes.loglog(sizes, values, "o-", label=name, color=colour)
    axes.set(xlabel=labels[0], ylabel=labels[1], xticks=sizes)
    axes.set_xticklabels([f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def draw_scores(
    path: Path,
    kinds: Sequence[str],
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    labels: tuple[str, str],
    first_of_second: int,
) -> None:
    """Draw panels side by side with lines of scores against kinds.

    Args:
        path: PNG file to write.
        kinds: names along x.
        panels: by the panel's title and the line's name, a value per kind.
        labels: names of the axes, x and y.
        first_of_second: index of the kind that starts a second series; lines are broken before it.
    """
    figure = Figure(figsize=(4.6 * len(panels), 3.6), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    places = range(len(kinds))
    for axes, (title, lines) in zip(grid[0], panels.items(), strict=True):
        for (name, values), colour in zip(lines.items(), COLOURS, strict=False):
            for part in (slice(None, first_of_second), slice(first_of_second, None)):
                label = name if part.start is None else None
                axes.plot(places[part], values[part], "o-", color=colour, label=label)
        axes.set(title=title, xlabel=labels[0], xticks=places, ylim=(0, 1))
        axes.set_xticklabels(kinds, rotation=40, ha="right")
        axes.grid(alpha=0.3)
    grid[0][0].set_ylabel(labels[1])
    grid[0][0].legend()
    figure.savefig(path, dpi=110)
