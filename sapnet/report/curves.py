"""Training curves: values of Lightning's metrics.csv as small inline plots (SVG)."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.report.plots import COLORS, SMALL, draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_POINTS = 120
"""Largest number of points of a drawn curve; longer curves are averaged in as many groups."""

_NOT_CURVES = frozenset({"step", "epoch", ""})

MAX_MARKED = 12
"""Largest number of points of a curve with a marker at each point."""


@dataclass(frozen=True)
class Curve:
    """One logged value.

    Attributes:
        name: name in the log.
        steps: (T,) optimizer steps, ascending.
        values: (T,) finite values.
    """

    name: str
    steps: np.ndarray
    values: np.ndarray


def load_curves(*paths: Path | str) -> tuple[Curve, ...]:
    """Load all values that a run logged, from the files of Lightning's CSV logger.

    A resumed run has a file for each start; of repeated steps, the last values count. If a value
    was logged both per step and per epoch, the values per step are kept.

    Args:
        paths: metrics.csv of each start, oldest first.

    Returns:
        Curves by name; none for files without rows.

    Raises:
        ValueError: a file has no column `step`.
    """
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in paths:
        rows = _read_rows(path)
        start = min((step for step, _, _ in rows), default=math.inf)
        for name in points:
            points[name] = [point for point in points[name] if point[0] < start]
        for step, name, value in rows:
            points[name].append((step, value))
    points = {name: kept for name, kept in points.items() if kept}
    stepwise = {name.removesuffix("_step") for name in points if name.endswith("_step")}
    kept = sorted(
        name
        for name in points
        if not (name.endswith("_epoch") and name.removesuffix("_epoch") in stepwise)
    )
    return tuple(_to_curve(name, points[name]) for name in kept)


def _read_rows(path: Path | str) -> list[tuple[float, str, float]]:
    """Return step, name and value of every entry of a file."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "step" not in (reader.fieldnames or ["step"]):
            raise ValueError(
                f"{path}: expected a column 'step', found {reader.fieldnames}; "
                "name the metrics.csv of a training run"
            )
        return [
            (float(row["step"]), name, value)
            for row in reader
            for name, text in row.items()
            if name not in _NOT_CURVES and text and math.isfinite(value := float(text))
        ]


def draw_curve(curve: Curve) -> str:
    """Draw a small plot in the colors of the page: CSS `--accent` and the text's.

    Args:
        curve: the curve, of any length.

    Returns:
        An `<svg>` element.
    """
    steps, means, lows, highs = _group(curve)
    color = COLORS["accent"]

    def draw(axes: Axes) -> None:
        axes.fill_between(steps, lows, highs, color=color, alpha=0.18, linewidth=0)
        marker = "o" if len(steps) <= MAX_MARKED else ""
        axes.plot(steps, means, color=color, linewidth=1.4, marker=marker, markersize=3)
        axes.locator_params(nbins=4)

    return draw_svg(draw, SMALL, curve.name)


def _to_curve(name: str, points: Sequence[tuple[float, float]]) -> Curve:
    steps, values = np.array(points).T
    order = np.argsort(steps, kind="stable")
    return Curve(name, steps[order], values[order])


def _group(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return steps, means, minima and maxima of at most `MAX_POINTS` groups of values."""
    num_groups = min(MAX_POINTS, len(curve.values))
    if num_groups == 0:
        nothing = np.zeros(0)
        return nothing, nothing, nothing, nothing
    groups = np.array_split(curve.values, num_groups)
    return (
        np.array([steps.mean() for steps in np.array_split(curve.steps, num_groups)]),
        np.array([group.mean() for group in groups]),
        np.array([group.min() for group in groups]),
        np.array([group.max() for group in groups]),
    )
