import pytest

from sapnet.commands.paper_table import PAPER_TABLES, paper_row


def test_table_7_as_printed() -> None:
    row = paper_row({"gap": 0.1994, "mined_box_miou": 0.638, "box_miou": 0.5}, 7, "Single-MIL")
    assert row.splitlines() == [
        "| Method | gap | mIoU_box |",
        "| --- | --- | --- |",
        "| Single-MIL | 0.199 | 63.8 |",
    ]


def test_table_2_and_9_have_the_form_of_voc() -> None:
    figures = {f"voc_ap{level}": level / 100 for level in (25, 50, 75)}
    assert paper_row(figures, 2, "a").splitlines()[-1] == "| a | 25.0 | 50.0 | 75.0 |"
    boxes = {f"voc_box_ap{level}": level / 200 for level in (25, 50, 75)}
    coco = {"box_ap": 0.325, "box_ap50": 0.6, "box_ap75": 0.3}
    found = paper_row({**figures, **boxes, **coco}, 9, "SAPNet").splitlines()[-1]
    assert found == "| SAPNet | 32.5 | 60.0 | 30.0 | 12.5 | 25.0 | 37.5 |"


def test_all_tables_are_there() -> None:
    assert sorted(PAPER_TABLES) == list(range(1, 10))
    assert [column.title for column in PAPER_TABLES[1]] == [
        *("AP", "AP50", "AP75", "APs", "APm", "APl")
    ]


def test_figures_that_are_not_there() -> None:
    with pytest.raises(ValueError, match="--table 1: expected the figures of --predictions, found"):
        paper_row({"label_miou": 0.5}, 1, "a")
    with pytest.raises(ValueError, match="label again"):
        paper_row({"gap": 0.5, "box_miou": 0.5}, 7, "a")
