"""One picture for benchmarks that grow with something: cost against size, both logarithmic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

COLOURS = ("#1d5fd1", "#c2410c", "#15803d", "#7e22ce")


def draw_costs(
    path: Path, sizes: Sequence[int], costs: Mapping[str, Sequence[float]], labels: tuple[str, str]
) -> None:
    """Writes the picture.

    Args:
        path: PNG file.
        sizes: along x.
        costs: for each line its name and a value per size.
        labels: of the axes, x and y.
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
