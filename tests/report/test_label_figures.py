from pathlib import Path

import numpy as np
import pytest

from sapnet.evaluation.judged import ObjectQuality
from sapnet.evaluation.label_file import Label, LabelSet, load_labels
from sapnet.geometry.rle import encode_masks
from sapnet.report.contents import Table
from sapnet.report.label_figures import (
    headline,
    plots_with_truth,
    plots_without_truth,
    tables_with_truth,
    tables_without_truth,
)
from sapnet.structures.clicks import Category

CATEGORIES = [Category(1, "cat"), Category(2, "dog"), Category(3, "cow")]
OBJECTS = [
    ObjectQuality(1, 1, 100, label_iou=0.9, top1_iou=0.4, oracle_iou=0.9),
    ObjectQuality(2, 1, 100, label_iou=0.3, top1_iou=0.6, oracle_iou=0.8),
    ObjectQuality(3, 1, 900, label_iou=0.6, top1_iou=0.6, oracle_iou=0.7),
    ObjectQuality(4, 2, 900, label_iou=0.8, top1_iou=0.7, oracle_iou=0.8),
]


def _cells(table: Table) -> dict[str, tuple[str, ...]]:
    return {row.name: row.cells for row in table.rows}


def test_tables_with_truth() -> None:
    figures = {
        "label_miou": 0.65,
        "label_miou_small": 0.65,
        "label_miou_large": float("nan"),
        "top1_miou": 0.575,
        "share_point_box": 0.25,
        "num_objects": 4,
        "gap": 0.125,
    }

    by_size, choices, by_category = tables_with_truth(figures, OBJECTS, CATEGORIES)

    assert _cells(by_size) == {
        "labels": ("0.650", "0.650", "n/a", "n/a"),
        "proposer's top-1": ("0.575", "n/a", "n/a", "n/a"),
    }
    assert _cells(choices) == {
        "objects": ("4",),
        "labels with IoU under 0.5": ("25%",),
        "proposer's favourites under 0.5": ("25%",),
        "labels better than the favourite": ("50%",),
        "labels as good": ("25%",),
        "labels worse": ("25%",),
        "made by: point box": ("25%",),
        "gap statistic (Eq. 10)": ("0.125",),
    }
    assert _cells(by_category) == {
        "cat": ("3", "0.600", "0.533", "0.800", "33%"),
        "dog": ("1", "0.800", "0.700", "0.800", "0%"),
    }


def test_without_a_store_there_is_nothing_to_compare_with() -> None:
    alone = [ObjectQuality(1, 2, 100, 0.9), ObjectQuality(2, 2, 100, 0.3)]
    choices, by_category = tables_with_truth({}, alone, CATEGORIES)
    assert _cells(choices) == {"labels with IoU under 0.5": ("50%",)}
    assert by_category.columns == ("objects", "labels", "under 0.5")
    assert "proposer" not in plots_with_truth(alone)[0].svg


def test_no_objects() -> None:
    assert tables_with_truth({}, [], CATEGORIES) == ()
    assert plots_with_truth([]) == ()


def test_plots_with_truth() -> None:
    rng = np.random.default_rng(0)
    many = [
        ObjectQuality(i, 1, float(area), *rng.random(3))
        for i, area in enumerate(rng.integers(10, 9000, 100))
    ]
    spread, by_size = plots_with_truth(many)
    assert "proposer's top-1" in spread.svg
    assert "side of the object, px" in by_size.svg


def test_labels_by_themselves(discs: Path) -> None:
    labels = load_labels(discs / "labels.json")
    (table,) = tables_without_truth(labels)
    cells = _cells(table)
    assert set(cells) == {"all", "lamp <b>", "větrník"}
    # Eight labels of four candidates with equal own scores, of which the first is the favourite;
    # two of the labels are first candidates.
    assert cells["all"][0] == "8"
    assert cells["all"][2:] == ("25%", "4.0", "n/a")
    (plot,) = plots_without_truth(labels)
    assert plot.title == "Size of the labels"


@pytest.mark.parametrize("function", [tables_without_truth, plots_without_truth])
def test_no_labels(function: object) -> None:
    assert callable(function)
    assert function(LabelSet(frozenset(), {})) == ()


def test_the_headline_counts_labels_and_doubts() -> None:
    rle = encode_masks(np.ones((1, 4, 4), np.uint8))[0]
    found = {
        i: Label(i, 1, 1, rle, 0.5, None, None, uncertainty=value)
        for i, value in enumerate((0.9, 0.2, 0.6))
    }
    labels = LabelSet(frozenset({1}), found)
    assert headline(labels, {}) == "3 labels; 2 with an uncertainty over 0.5."
    assert headline(labels, {"label_miou": 0.75}).endswith("; label mIoU 0.750.")
    assert headline(LabelSet(frozenset(), {}), {}) == "0 labels."
