"""Plots of a ladder: label quality, choices, sizes, AP and precision over recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import get_args

import numpy as np

from benchmarks.ladder.page.figures import Estimate, Group, LabelFigures, Ladder, System
from benchmarks.ladder.page.table import kind_name, list_kinds
from sapnet.evaluation.precision import PrecisionCurves
from sapnet.report.bars import (
    Bars,
    Reference,
    draw_grouped_bars,
    draw_row_bars,
    draw_stacked_bars,
)
from sapnet.report.contents import Plot
from sapnet.report.label_figures import SIZE_NOTE
from sapnet.report.plots import SERIES, AxisNames, Line, draw_lines

CURVE_IOUS = (0.5, 0.75)
"""IoU thresholds of the plots of precision over recall."""

_GROUP_COLORS: Mapping[Group, str] = {"paper": "accent", "ours": "chosen", "supervised": "truth"}
_GROUP_NAMES: Mapping[Group, str] = {
    "paper": "the paper's parts",
    "ours": "with our parts",
    "supervised": "from true masks",
}
_SIZE_COLORS = {"small": "chosen", "medium": "accent", "large": "truth"}


def label_plots(ladder: Ladder) -> tuple[Plot, ...]:
    """Draw label mIoU, the kinds of the chosen proposals, and label mIoU by object size.

    Args:
        ladder: the figures.

    Returns:
        No plot without labels; no plot of kinds or sizes that are not known.
    """
    systems = ladder.labelled
    if not systems:
        return ()
    return (_miou_plot(ladder, systems), *_share_plot(ladder, systems), *_size_plot(systems))


def segmenter_plots(ladder: Ladder) -> tuple[Plot, ...]:
    """Draw mask AP; no plot if no segmenter was trained."""
    systems = ladder.trained
    if not systems:
        return ()
    found = [None if s.segmenter is None else s.segmenter.mask_ap for s in systems]
    best = ladder.supervised
    references = []
    if best is not None and best.segmenter is not None:
        references.append(Reference(best.title, best.segmenter.mask_ap.mean, "quiet"))
    svg = draw_row_bars(_titles(systems), _by_group(systems, found), "mask AP", references)
    return (Plot("Mask AP on held-out images", svg, _error_note(found)),)


def curve_plots(curves: Mapping[str, PrecisionCurves]) -> tuple[Plot, ...]:
    """Draw precision over recall of all systems, one plot for each of `CURVE_IOUS`.

    Args:
        curves: curves by the system's title, in the order of the ladder.
    """
    if not curves:
        return ()
    return tuple(
        Plot(
            f"Precision over recall at IoU {iou}",
            draw_lines(_curve_lines(curves, iou), AxisNames("recall", "precision", (0, 1.02))),
            "Masks; mean over the categories with ground truth.",
        )
        for iou in CURVE_IOUS
    )


def _miou_plot(ladder: Ladder, systems: Sequence[System]) -> Plot:
    found = _label_figures(systems, lambda labels: labels.miou)
    references = [Reference("best possible", ladder.oracle_miou.mean, "truth")]
    if found[0] is not None:
        references.append(Reference(systems[0].title, found[0].mean, "quiet"))
    svg = draw_row_bars(_titles(systems), _by_group(systems, found), "label mIoU", references)
    return Plot("Label mIoU", svg, _error_note(found))


def _share_plot(ladder: Ladder, systems: Sequence[System]) -> tuple[Plot, ...]:
    """Draw the shares of the labels by kind, if kinds are known."""
    kinds = list_kinds(ladder)
    if not kinds:
        return ()
    series = [
        Bars(kind_name(kind), _kind_shares(systems, kind), color)
        for kind, color in zip(kinds, cycle(SERIES), strict=False)
    ]
    svg = draw_stacked_bars(_titles(systems), series, "share of the labels")
    return (Plot("What is chosen", svg, "Labels by the kind of the chosen proposal."),)


def _kind_shares(systems: Sequence[System], kind: str) -> np.ndarray:
    """Return the shares (N,) of the systems' labels that are of a kind."""
    return _means(_label_figures(systems, lambda labels: labels.shares.get(kind)))


def _size_plot(systems: Sequence[System]) -> tuple[Plot, ...]:
    """Draw label mIoU of small, medium and large objects, if there are any."""
    groups: dict[str, Callable[[LabelFigures], Estimate | None]] = {
        "small": lambda labels: labels.small,
        "medium": lambda labels: labels.medium,
        "large": lambda labels: labels.large,
    }
    found = {name: _label_figures(systems, pick) for name, pick in groups.items()}
    series = [
        Bars(name, _means(values), _SIZE_COLORS[name], _stds(values))
        for name, values in found.items()
        if any(entry is not None for entry in values)
    ]
    if not series:
        return ()
    svg = draw_grouped_bars(_titles(systems), series, "label mIoU")
    return (Plot("Label mIoU by size of the object", svg, SIZE_NOTE),)


def _curve_lines(curves: Mapping[str, PrecisionCurves], iou: float) -> list[Line]:
    """Return a line per system: the colours in turn, dashed when they repeat."""
    return [
        Line(
            title,
            curve.recalls,
            curve.mean_curve(iou),
            SERIES[place % len(SERIES)],
            is_dashed=place // len(SERIES) % 2 == 1,
        )
        for place, (title, curve) in enumerate(curves.items())
    ]


def _titles(systems: Sequence[System]) -> list[str]:
    return [system.title for system in systems]


def _label_figures(
    systems: Sequence[System], pick: Callable[[LabelFigures], Estimate | None]
) -> list[Estimate | None]:
    """Return one figure of each system's labels."""
    return [None if system.labels is None else pick(system.labels) for system in systems]


def _by_group(systems: Sequence[System], found: Sequence[Estimate | None]) -> list[Bars]:
    """Return bars coloured by the origin of the systems."""
    series = []
    for group in get_args(Group):
        members = np.array([system.group == group for system in systems])
        if members.any():
            values, errors = (
                np.where(members, figures, np.nan) for figures in (_means(found), _stds(found))
            )
            series.append(Bars(_GROUP_NAMES[group], values, _GROUP_COLORS[group], errors))
    return series


def _means(found: Sequence[Estimate | None]) -> np.ndarray:
    """Return the means (N,); NaN where there is no figure."""
    return np.array([np.nan if entry is None else entry.mean for entry in found], float)


def _stds(found: Sequence[Estimate | None]) -> np.ndarray:
    """Return the standard deviations (N,); NaN where there is none."""
    return np.array([None if entry is None else entry.std for entry in found], float)


def _error_note(found: Sequence[Estimate | None]) -> str:
    has_errors = bool(np.isfinite(_stds(found)).any())
    return "Error bars: standard deviation over the seeds." if has_errors else ""
