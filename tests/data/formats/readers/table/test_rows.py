import csv
from pathlib import Path

import pytest

from sapnet.data.formats.readers.table.rows import Row, read_rows


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_quotes(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'a{separator}"b {separator}""c"""\n\n 1 {separator}2\n')
    assert read_rows(path) == [Row(1, ("a", f'b {separator}"c"')), Row(3, ("1", "2"))]
    assert len(read_rows(path, most=1)) == 1


def test_cells_of_any_length(tmp_path: Path) -> None:
    """Python's reader stops at 131,072 characters; an outline in a cell may be longer."""
    path = tmp_path / "a.csv"
    path.write_text(f"a,b\n{'1' * 300_000},2\n")
    before = csv.field_size_limit()
    assert len(read_rows(path)[1].cells[0]) == 300_000
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("text", ['a,b\n1,"2\n3,4\n', 'a,b\n1,"2"3\n', 'a,b\n1,2\n3,"4'])
def test_quotes_that_do_not_match(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    line = 3 if text.endswith("4") and "3," in text and "2\n3," in text and "1,2" in text else 2
    with pytest.raises(ValueError, match=rf"a.csv, line {line}: .* quotation marks do not match"):
        read_rows(path)


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path.write_text("größe,b\n", encoding=encoding)
        assert read_rows(path)[0].cells == ("größe", "b")
    path.write_text("größe,b\n", encoding="cp1252")
    with pytest.raises(ValueError, match=r"expected a table as UTF-8 text, but byte 2 is none"):
        read_rows(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_rows(tmp_path / "b.csv")
