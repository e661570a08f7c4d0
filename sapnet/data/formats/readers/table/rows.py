"""Rows of a csv file: encoding, separator, quotes."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass
from pathlib import Path

_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Row:
    """One row of a table; `line` is the number of its last line in the file, from 1."""

    line: int
    cells: tuple[str, ...]


def read_rows(path: Path, most: int | None = None) -> list[Row]:
    """Read the rows of a csv file; the separator is guessed from the first line.

    Args:
        path: the file, with comma, semicolon or tab between the cells.
        most: number of rows to read; None reads all.

    Returns:
        The rows that are not empty, the header included. Cells are stripped.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no UTF-8 text (or UTF-16 with its mark), or a quotation mark is not
            closed.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Name a csv file.")
    text = _decode(path)
    first = text.lstrip().partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[Row] = []
    start = 1
    # Outlines in a cell exceed the usual limit of 131,072 characters. The limit is the process's.
    usual = csv.field_size_limit(max(len(text), csv.field_size_limit()))
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(reader.line_num, tuple(cell.strip() for cell in cells)))
            if len(rows) == most:
                break
            start = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {start}: expected a row of a csv file, but its quotation marks do not "
            f"match ({error}). Correct the row, or export the file again."
        ) from error
    finally:
        csv.field_size_limit(usual)
    return rows


def _decode(path: Path) -> str:
    content = path.read_bytes()
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected a table as UTF-8 text, but byte {error.start} is none "
            f"({error.reason}). Save it as 'CSV UTF-8'."
        ) from error
