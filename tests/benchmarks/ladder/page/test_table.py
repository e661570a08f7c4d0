from dataclasses import replace

import pytest

from benchmarks.ladder.page.figures import Estimate, LabelFigures, Ladder, SegmenterFigures, System
from benchmarks.ladder.page.table import (
    label_table,
    ladder_table,
    list_kinds,
    prediction_table,
    spread,
    table_markdown,
)
from sapnet.report.contents import Table, TableRow


def _labels(miou: Estimate, **shares: float) -> LabelFigures:
    found = {kind: Estimate(value) for kind, value in shares.items()}
    return LabelFigures(miou, None, None, None, Estimate(0.125), found)


def _segmenter(mask_ap: Estimate, share: float | None) -> SegmenterFigures:
    return SegmenterFigures(
        mask_ap,
        mask_ap50=Estimate(0.5),
        mask_ap75=None,
        box_ap=Estimate(0.25),
        share_of_supervised=None if share is None else Estimate(share),
    )


@pytest.fixture
def ladder() -> Ladder:
    """Top-1, a system without a segmenter, one of ours, the supervised one."""
    return Ladder(
        scale="small",
        date="2026-01-31",
        command="python -m benchmarks.ladder",
        machine="2 cores",
        minutes=3,
        seeds=(0, 1),
        num_train_images=1,
        num_test_images=1,
        num_objects=1,
        oracle_miou=Estimate(0.94, 0.001),
        systems=(
            System(
                "top1",
                "Top-1",
                "paper",
                None,
                0.174,
                _labels(Estimate(0.6, 0.01), part=0.7, odd_one=0.1, whole=0.2),
                _segmenter(Estimate(0.2), 0.5),
                "segmenter",
            ),
            System(
                "mil", "MIL", "paper", "top1", None, _labels(Estimate(0.75, 0.02), whole=1.0), None
            ),
            System(
                "ours",
                "Ours",
                "ours",
                "mil",
                None,
                _labels(Estimate(0.7), part=1.0),
                _segmenter(Estimate(0.3, 0.004), 0.75),
            ),
            System(
                "full", "True masks", "supervised", None, 0.348, None, _segmenter(Estimate(0.4), 1)
            ),
        ),
    )


def test_labels_by_hand(ladder: Ladder) -> None:
    table = label_table(ladder)

    assert table.columns == ("trains", "label mIoU", "Δ", "gap", "part", "whole", "odd one")
    assert {row.name: row.cells for row in table.rows} == {
        "Top-1": ("segmenter", "0.600 ± 0.010", "n/a", "0.125", "70%", "20%", "10%"),
        "MIL": ("n/a", "0.750 ± 0.020", "+0.150", "0.125", "0%", "100%", "0%"),
        "Ours": ("n/a", "0.700", "-0.050", "0.125", "100%", "0%", "0%"),
        "True masks": ("n/a",) * 7,
    }
    assert [row.is_main for row in table.rows] == [False, False, True, False]
    assert "Means over 2 seeds" in table.note
    assert "Best possible label mIoU: 0.940 ± 0.001." in table.note


def test_predictions_by_hand(ladder: Ladder) -> None:
    table = prediction_table(ladder)

    assert table.columns[:5] == ("mask AP", "AP50", "AP75", "box AP", "of supervised")
    assert {row.name: row.cells for row in table.rows} == {
        "Top-1": ("0.200", "0.500", "n/a", "0.250", "50%", "0.174", "50%"),
        "MIL": ("n/a",) * 7,
        "Ours": ("0.300 ± 0.004", "0.500", "n/a", "0.250", "75%", "n/a", "n/a"),
        "True masks": ("0.400", "0.500", "n/a", "0.250", "100%", "0.348", "100%"),
    }


def test_the_whole_table_is_both_side_by_side(ladder: Ladder) -> None:
    whole, labels, predictions = ladder_table(ladder), label_table(ladder), prediction_table(ladder)

    assert whole.columns == labels.columns + predictions.columns
    for row, left, right in zip(whole.rows, labels.rows, predictions.rows, strict=True):
        assert row.cells == left.cells + right.cells
    assert whole.note.count("Means over") == 1


def test_the_change_is_against_what_a_system_adds_to(ladder: Ladder) -> None:
    systems = list(ladder.systems)
    systems[1] = replace(systems[1], labels=None)
    systems[2] = replace(systems[2], adds_to="top1")

    table = label_table(replace(ladder, systems=tuple(systems)))

    assert [row.cells[2] for row in table.rows] == ["n/a", "n/a", "+0.100", "n/a"]
    systems[2] = replace(systems[2], adds_to="mil")  # which has no labels now
    table = label_table(replace(ladder, systems=tuple(systems)))
    assert [row.cells[2] for row in table.rows] == ["n/a"] * 4


def test_labels_of_unknown_kinds_have_no_shares(ladder: Ladder) -> None:
    systems = list(ladder.systems)
    systems[1] = replace(systems[1], labels=_labels(Estimate(0.5)))

    table = label_table(replace(ladder, systems=tuple(systems)))

    assert table.rows[1].cells[4:] == ("n/a", "n/a", "n/a")


def test_one_seed_has_no_deviation_to_explain(ladder: Ladder) -> None:
    assert "Means over" not in ladder_table(replace(ladder, seeds=(0,))).note
    assert spread(Estimate(0.5)) == "0.500"
    assert spread(Estimate(0.5, 0.0)) == "0.500 ± 0.000"
    assert spread(None) == "n/a"


def test_a_ladder_without_labels_or_supervision(ladder: Ladder) -> None:
    systems = tuple(replace(system, labels=None) for system in ladder.systems[:3])
    bare = replace(ladder, systems=systems)

    assert list_kinds(bare) == ()
    assert label_table(bare).columns == ("trains", "label mIoU", "Δ", "gap")
    assert [row.cells[-1] for row in prediction_table(bare).rows] == ["n/a"] * 3


def test_markdown() -> None:
    rows = (TableRow("a|b", ("0.1", "0.2")), TableRow("ours", ("0.3", "n/a"), is_main=True))

    text = table_markdown(Table("Title", "system", ("AP", "gap"), rows, "A note."))

    assert text.splitlines() == [
        "| system | AP | gap |",
        "| --- | ---: | ---: |",
        r"| a\|b | 0.1 | 0.2 |",
        "| **ours** | **0.3** | **n/a** |",
        "",
        "A note.",
    ]
    assert table_markdown(Table("Title", "", ("AP",), ())).splitlines() == [
        "|  | AP |",
        "| --- | ---: |",
    ]
