"""Tables and plots of labels: by size, by category, and the effect of selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sapnet.evaluation.judged import ObjectQuality
from sapnet.evaluation.label_file import Label, LabelSet
from sapnet.evaluation.mean_iou import LARGE_AREA, SMALL_AREA
from sapnet.geometry.rle import rle_areas
from sapnet.report.contents import MAX_CATEGORIES, Plot, Table, TableRow, figure, percent
from sapnet.report.plots import NUM_BARS, AxisNames, Line, draw_bars, draw_lines
from sapnet.structures.clicks import Category
from sapnet.structures.origin import UNKNOWN, origin_group

BAD_IOU = 0.5
"""IoU below which a label does more harm than good; the share of such labels is shown."""

DOUBTFUL = 0.5
"""Uncertainty from which a label is more likely wrong than right, as far as it can be known."""

MAX_SIZE_GROUPS, LEAST_IN_GROUP = 10, 20

SIZE_NOTE = (
    f"Small: under {SMALL_AREA**0.5:.0f}² px of true area; large: from {LARGE_AREA**0.5:.0f}² on."
)
"""Explanation of the sizes of objects."""

_CHOICES = {"label_miou": "labels", "top1_miou": "proposer's top-1", "oracle_miou": "best possible"}
_SIZES = {"": "all", "_small": "small", "_medium": "medium", "_large": "large"}


def headline(labels: LabelSet, figures: Mapping[str, float]) -> str:
    """Say in one sentence how many labels there are, and how good they are."""
    found = list(labels.labels.values())
    parts = [f"{len(found)} {'label' if len(found) == 1 else 'labels'}"]
    known = [label.uncertainty for label in found if label.uncertainty is not None]
    if known:
        doubtful = sum(value > DOUBTFUL for value in known)
        parts.append(f"{doubtful} with an uncertainty over {DOUBTFUL}")
    if "label_miou" in figures:
        parts.append(f"label mIoU {figure(figures['label_miou'])}")
    return f"{'; '.join(parts)}."


def tables_with_truth(
    figures: Mapping[str, float],
    objects: Sequence[ObjectQuality],
    categories: Sequence[Category],
) -> tuple[Table, ...]:
    """Return tables of the label metrics of `sapnet evaluate`, in total and by category.

    Args:
        figures: metrics by the keys of `sapnet evaluate`.
        objects: the evaluated objects.
        categories: categories of the data set.
    """
    tables = [_by_size(figures), _choices(figures, objects), _by_category(objects, categories)]
    return tuple(table for table in tables if table is not None)


def tables_without_truth(labels: LabelSet) -> tuple[Table, ...]:
    """Return tables of labels without ground truth."""
    found = list(labels.labels.values())
    if not found:
        return ()
    names = {category.category_id: category.name for category in labels.categories}
    groups = [("all", found)]
    for category_id, _ in Counter(label.category_id for label in found).most_common(MAX_CATEGORIES):
        members = [label for label in found if label.category_id == category_id]
        groups.append((names[category_id], members))
    columns = ("labels", "median side, px", "same as proposer's", "candidates", "uncertainty")
    rows = tuple(
        TableRow(name, _label_cells(members), is_main=name == "all") for name, members in groups
    )
    note = "Same as proposer's: the label is the candidate that the proposer scores best. "
    note += "Uncertainty: mean, if the labels have it."
    return (Table("By category", "category", columns, rows, note),)


def table_by_origin(labels: LabelSet, objects: Sequence[ObjectQuality] = ()) -> tuple[Table, ...]:
    """Return the table of labels by where they come from; none where no label says it.

    Args:
        labels: written by `sapnet label`.
        objects: the evaluated objects; empty without ground truth.
    """
    kinds = {key: origin_group(label.origin) for key, label in labels.labels.items()}
    counts = Counter(kinds.values())
    if not set(counts) - {UNKNOWN}:
        return ()
    ious = {entry.annotation_id: entry.label_iou for entry in objects}
    rows = []
    for kind, count in counts.most_common():
        members = [key for key, found in kinds.items() if found == kind]
        unsure = [u for key in members if (u := labels.labels[key].uncertainty) is not None]
        cells = [str(count), figure(float(np.mean(unsure)) if unsure else None)]
        if objects:
            known = [ious[key] for key in members if key in ious]
            cells.append(figure(float(np.mean(known)) if known else None))
        rows.append(TableRow(kind, tuple(cells)))
    columns = ("labels", "uncertainty", *(("mean IoU",) if objects else ()))
    note = "Who chose the mask; of a person, also how: accepted, picked, clicked, drawn or given."
    return (Table("By origin", "chosen by", columns, tuple(rows), note),)


def plots_with_truth(objects: Sequence[ObjectQuality]) -> tuple[Plot, ...]:
    """Return plots of the distribution of IoUs, and of IoU by size of the object."""
    if not objects:
        return ()
    lines = _series(objects)
    edges = np.linspace(0, 1, NUM_BARS + 1)
    bars = [
        Line(name, edges, np.histogram(values, edges)[0].astype(float), color, is_dashed)
        for name, values, color, is_dashed in lines[:2]
    ]
    return (
        Plot(
            "IoU of the labels",
            draw_bars(edges, bars, AxisNames("IoU with the truth", "objects")),
            "Bars: the labels; dashed: the proposer's favourites."
            if len(bars) > 1
            else "Number of labels by IoU.",
        ),
        Plot(
            "Mean IoU by size of the object",
            draw_lines(
                _by_side(objects, lines), AxisNames("side of the object, px", "mean IoU", (0, 1))
            ),
            "Objects in groups of equal number; the side is the root of the area.",
        ),
    )


def plots_without_truth(labels: LabelSet) -> tuple[Plot, ...]:
    """Return plots of the distributions of sizes and, if the labels have it, of uncertainty."""
    found = list(labels.labels.values())
    if not found:
        return ()
    sides = _sides(found)
    edges = np.linspace(0, max(float(sides.max()), 1), NUM_BARS + 1)
    counts = np.histogram(sides, edges)[0].astype(float)
    names = AxisNames("root of the label's area, px", "labels")
    plots = [Plot("Size of the labels", draw_bars(edges, [Line("labels", edges, counts)], names))]
    unsure = [label.uncertainty for label in found if label.uncertainty is not None]
    if unsure:
        edges = np.linspace(0, 1, NUM_BARS + 1)
        counts = np.histogram(unsure, edges)[0].astype(float)
        names = AxisNames("uncertainty", "labels")
        svg = draw_bars(edges, [Line("labels", edges, counts)], names)
        plots.append(Plot("Uncertainty of the labels", svg))
    return tuple(plots)


def _by_size(figures: Mapping[str, float]) -> Table | None:
    rows = tuple(
        TableRow(
            name,
            tuple(figure(figures.get(f"{key}{suffix}")) for suffix in _SIZES),
            is_main=key == "label_miou",
        )
        for key, name in {**_CHOICES, "box_miou": "labels, boxes only"}.items()
        if key in figures
    )
    columns = tuple(_SIZES.values())
    return Table("Mean IoU by size", "", columns, rows, SIZE_NOTE) if rows else None


def _choices(figures: Mapping[str, float], objects: Sequence[ObjectQuality]) -> Table | None:
    """Return a table of the differences between labels and the proposer's favorites."""
    rows = [
        TableRow(name, (f"{figures[key]:.0f}",))
        for key, name in (("num_objects", "objects"), ("num_missing", "objects without a label"))
        if key in figures
    ]
    rows += [TableRow(name, (percent(value),)) for name, value in _changes(objects)]
    rows += [
        TableRow(f"made by: {key.removeprefix('share_').replace('_', ' ')}", (percent(value),))
        for key, value in figures.items()
        if key.startswith("share_")
    ]
    if figures.get("gap") is not None:
        rows.append(TableRow("gap statistic (Eq. 10)", (figure(figures["gap"]),)))
    return Table("Choices", "", ("",), tuple(rows)) if rows else None


def _changes(objects: Sequence[ObjectQuality]) -> Iterator[tuple[str, float]]:
    ious = np.array([entry.label_iou for entry in objects])
    if len(ious) == 0:
        return
    yield f"labels with IoU under {BAD_IOU}", float((ious < BAD_IOU).mean())
    top1 = np.array([entry.top1_iou for entry in objects if entry.top1_iou is not None])
    if len(top1) != len(ious):
        return
    yield f"proposer's favourites under {BAD_IOU}", float((top1 < BAD_IOU).mean())
    yield "labels better than the favourite", float((ious > top1).mean())
    yield "labels as good", float((ious == top1).mean())
    yield "labels worse", float((ious < top1).mean())


def _by_category(objects: Sequence[ObjectQuality], categories: Sequence[Category]) -> Table | None:
    names = {category.category_id: category.name for category in categories}
    counts = Counter(entry.category_id for entry in objects)
    if not counts:
        return None
    has_store = objects[0].top1_iou is not None
    columns = ("objects", "labels", *(("top-1", "best") if has_store else ()), f"under {BAD_IOU}")
    rows = []
    for category_id, count in counts.most_common(MAX_CATEGORIES):
        members = [entry for entry in objects if entry.category_id == category_id]
        ious = [entry.label_iou for entry in members]
        cells = [str(count), figure(float(np.mean(ious)))]
        if has_store:
            for values in ([e.top1_iou for e in members], [e.oracle_iou for e in members]):
                cells.append(figure(float(np.mean([v for v in values if v is not None]))))
        cells.append(percent(float(np.mean(np.array(ious) < BAD_IOU))))
        rows.append(TableRow(names[category_id], tuple(cells)))
    note = "Mean IoU with the truth; the last column is the share of bad labels."
    return Table("By category", "category", columns, tuple(rows), note)


def _label_cells(labels: Sequence[Label]) -> tuple[str, ...]:
    with_candidates = [label for label in labels if label.candidates is not None]
    same, numbers = [], []
    for label in with_candidates:
        candidates = label.candidates
        if candidates is not None and candidates.rles:
            favourite = int(np.argmax(candidates.own_scores))
            same.append(candidates.rles[favourite] == label.rle)
            numbers.append(len(candidates.rles))
    unsure = [label.uncertainty for label in labels if label.uncertainty is not None]
    return (
        str(len(labels)),
        f"{np.median(_sides(labels)):.0f}",
        percent(float(np.mean(same)) if same else None),
        f"{np.mean(numbers):.1f}" if numbers else "n/a",
        figure(float(np.mean(unsure)) if unsure else None),
    )


def _sides(labels: Sequence[Label]) -> np.ndarray:
    """Return the square root of the area of each label, (N,), pixels."""
    return np.asarray(rle_areas([label.rle for label in labels]) ** 0.5)


def _series(objects: Sequence[ObjectQuality]) -> list[tuple[str, np.ndarray, str, bool]]:
    """Return name, (N,) IoUs, color and dashing of each series."""
    series = [("labels", np.array([entry.label_iou for entry in objects]), "accent", False)]
    if objects[0].top1_iou is not None:
        top1 = np.array([entry.top1_iou for entry in objects], float)
        oracle = np.array([entry.oracle_iou for entry in objects], float)
        series.append(("proposer's top-1", top1, "chosen", True))
        series.append(("best possible", oracle, "truth", True))
    return series


def _by_side(
    objects: Sequence[ObjectQuality], series: Sequence[tuple[str, np.ndarray, str, bool]]
) -> list[Line]:
    """Return the means over groups of objects of similar size."""
    sides = np.sqrt([entry.area for entry in objects])
    num_groups = min(max(len(objects) // LEAST_IN_GROUP, 1), MAX_SIZE_GROUPS)
    groups = np.array_split(np.argsort(sides, kind="stable"), num_groups)
    x = np.array([np.median(sides[group]) for group in groups])
    return [
        Line(name, x, np.array([values[group].mean() for group in groups]), color, is_dashed)
        for name, values, color, is_dashed in series
    ]
