from pathlib import Path

from sapnet.data.coco import load_instances
from sapnet.evaluation.precision import precision_curves
from sapnet.evaluation.predictions import read_results
from sapnet.report.prediction_figures import (
    category_table,
    figure_tables,
    precision_plot,
    score_plot,
    tables_without_truth,
)
from sapnet.structures.clicks import Category


def test_tables_of_figures() -> None:
    figures = {"mask_ap": 0.25, "mask_ar_100": 0.5, "box_ap50": 0.75, "voc_ap50": 0.5}
    precision, recall, voc = figure_tables(figures)
    assert precision.rows[0].cells == ("0.250", "n/a", "n/a", "n/a", "n/a", "n/a")
    assert precision.rows[1].cells[1] == "0.750"
    assert recall.rows[0].cells[2] == "0.500"
    assert voc.rows[0].cells == ("n/a", "0.500", "n/a")
    assert figure_tables({}) == ()


def test_by_category(discs: Path) -> None:
    truth = load_instances(discs / "truth.json")
    curves = precision_curves(read_results(discs / "results.json", truth), truth)
    table = category_table(curves, truth)
    assert table is not None
    cells = {row.name: row.cells for row in table.rows}
    # Objects of the second category are found as they are; those of the first too small by a fifth
    # of the radius, hence with IoU 0.64.
    assert cells["větrník"] == ("4", "1.000", "1.000", "1.000")
    assert cells["lamp <b>"][0::2] == ("4", "1.000")
    assert cells["lamp <b>"][3] == "0.000"
    plot = precision_plot(curves)
    assert plot is not None
    assert "mean of 0.50 to 0.95" in plot.svg


def test_nothing_to_find(discs: Path) -> None:
    truth = load_instances(discs / "truth.json")
    empty = type(truth)(truth.images, truth.categories, ())
    curves = precision_curves([], empty)
    assert category_table(curves, empty) is None
    assert precision_plot(curves) is None


def test_without_truth() -> None:
    records = [{"category_id": 7, "score": score} for score in (0.1, 0.5, 0.9)]
    (table,) = tables_without_truth(records, [Category(7, "dog")], 0.3)
    assert {row.name: row.cells for row in table.rows} == {"all": ("3", "2"), "dog": ("3", "2")}
    assert tables_without_truth([], [], 0.3) == ()
    assert score_plot([]) is None
    assert score_plot(records) is not None
