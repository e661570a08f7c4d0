import math

import pytest

from sapnet.report.contents import Table, TableRow, figure, percent


def test_a_table_checks_its_rows() -> None:
    Table("t", "", ("a", "b"), (TableRow("row", ("1", "2")),))
    with pytest.raises(ValueError, match="row 'row': expected 2 cells, found 1"):
        Table("t", "", ("a", "b"), (TableRow("row", ("1",)),))


def test_figures() -> None:
    assert [figure(0.12345), figure(None), figure(math.nan)] == ["0.123", "n/a", "n/a"]
    assert [percent(0.256), percent(None), percent(math.nan)] == ["26%", "n/a", "n/a"]
