"""Tables and plots of predictions: COCO's metrics, by category, precision over recall."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.precision import PrecisionCurves
from sapnet.report.contents import Plot, Table, TableRow, figure
from sapnet.report.label_figures import MAX_CATEGORIES, NUM_BARS
from sapnet.report.plots import AxisNames, Line, draw_bars, draw_lines
from sapnet.structures.clicks import Category

_PRECISION = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "small",
    "ap_medium": "medium",
    "ap_large": "large",
}
_RECALL = {
    "ar_1": "AR1",
    "ar_10": "AR10",
    "ar_100": "AR100",
    "ar_small": "small",
    "ar_medium": "medium",
    "ar_large": "large",
}
_VOC = {"voc_ap25": "AP25", "voc_ap50": "AP50", "voc_ap75": "AP75"}
_CURVES = ((0.5, "accent", False), (0.75, "chosen", True))


def figure_tables(figures: Mapping[str, float]) -> tuple[Table, ...]:
    """Return tables of the prediction metrics of `sapnet evaluate`, given by its keys."""
    if "mask_ap" not in figures:
        return ()
    tables = [
        _table(
            figures,
            "Average precision",
            _PRECISION,
            "COCO: mean over IoU 0.50 to 0.95; the last three by true size.",
        ),
        _table(
            figures,
            "Average recall",
            _RECALL,
            "COCO: with 1, 10 and 100 predictions an image; the last three with 100, by true size.",
        ),
    ]
    if "voc_ap50" in figures:
        cells = tuple(figure(figures.get(key)) for key in _VOC)
        row = TableRow("mask", cells)
        tables.append(Table("Average precision, VOC", "", tuple(_VOC.values()), (row,)))
    return tuple(tables)


def _table(
    figures: Mapping[str, float], title: str, columns: Mapping[str, str], note: str
) -> Table:
    """Return a table of metrics with a row for masks and one for boxes."""
    rows = tuple(
        TableRow(kind, tuple(figure(figures.get(f"{kind}_{key}")) for key in columns), is_main)
        for kind, is_main in (("mask", True), ("box", False))
    )
    return Table(title, "", tuple(columns.values()), rows, note)


def category_table(curves: PrecisionCurves, truth: InstanceSet) -> Table | None:
    """Return a table of the AP of every category that has ground truth."""
    names = {category.category_id: category.name for category in truth.categories}
    counts = Counter(i.category_id for i in truth.instances if not i.is_crowd)
    rows = tuple(
        TableRow(
            names[category_id],
            (
                str(count),
                figure(curves.average_precision(category_id)),
                figure(curves.average_precision(category_id, 0.5)),
                figure(curves.average_precision(category_id, 0.75)),
            ),
        )
        for category_id, count in counts.most_common(MAX_CATEGORIES)
    )
    columns = ("objects", "mask AP", "AP50", "AP75")
    return Table("By category", "category", columns, rows) if rows else None


def precision_plot(curves: PrecisionCurves) -> Plot | None:
    """Return a plot of precision over recall, the mean over the categories."""
    lines = [
        Line(f"IoU {iou}", curves.recalls, curves.mean_curve(iou), color, is_dashed)
        for iou, color, is_dashed in _CURVES
    ]
    lines.append(Line("mean of 0.50 to 0.95", curves.recalls, curves.mean_curve(), "truth", True))
    if not any(np.isfinite(line.y).any() for line in lines):
        return None
    svg = draw_lines(lines, AxisNames("recall", "precision", (0, 1.02)))
    return Plot("Precision over recall", svg, "Mean over the categories with ground truth.")


def tables_without_truth(
    records: Sequence[Mapping[str, Any]], categories: Sequence[Category], min_score: float
) -> tuple[Table, ...]:
    """Return a table of the numbers of predictions by category."""
    names = {category.category_id: category.name for category in categories}
    counts = Counter(record["category_id"] for record in records)
    sure = Counter(r["category_id"] for r in records if r["score"] >= min_score)
    rows = tuple(
        TableRow(names.get(category_id, str(category_id)), (str(count), str(sure[category_id])))
        for category_id, count in counts.most_common(MAX_CATEGORIES)
    )
    if not rows:
        return ()
    total = TableRow("all", (str(counts.total()), str(sure.total())), is_main=True)
    columns = ("predictions", f"score {min_score:g} or more")
    return (Table("By category", "category", columns, (total, *rows)),)


def score_plot(records: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Return a plot of the distribution of scores."""
    if not records:
        return None
    edges = np.linspace(0, 1, NUM_BARS + 1)
    counts = np.histogram([record["score"] for record in records], edges)[0].astype(float)
    svg = draw_bars(edges, [Line("predictions", edges, counts)], AxisNames("score", "predictions"))
    return Plot("Scores of the predictions", svg)
