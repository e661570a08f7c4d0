"""Reader of clicks in a table: csv with a header row."""

from __future__ import annotations

import math
from pathlib import Path

from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Point
from sapnet.data.formats.signs import known_columns, open_table

_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})
_BOX = ("xmin", "ymin", "xmax", "ymax")


def read_table(path: Path, findings: Findings) -> Source:
    """Read clicks, and boxes if there are such columns, from a csv file with a header.

    Args:
        path: the file, with comma, semicolon or tab between the columns.
        findings: collects rows that cannot be read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a column is missing.
    """
    reader = open_table(path)
    header = list(reader.fieldnames or [])
    columns = known_columns(header)
    has_points, has_boxes = {"x", "y"} <= columns.keys(), columns.keys() >= set(_BOX)
    if not ({"image", "category"} <= columns.keys() and (has_points or has_boxes)):
        raise ValueError(
            f"{path}: expected the columns image, x, y and category (or image, xmin, ymin, xmax, "
            f"ymax and category), found {', '.join(header)}. Rename the columns in the first row."
        )
    for word in header:
        if word not in columns.values():
            findings.note("columns that clicks do not hold", f"{path.name}, column {word!r}")
    images: dict[str, SourceImage] = {}
    marks = []
    for row in reader:
        place = f"{path.name}, line {reader.line_num}"
        values = {column: (row[word] or "").strip() for column, word in columns.items()}
        if not values["image"]:
            findings.skip("rows without an image", place)
            continue
        size = _size(values)
        images.setdefault(values["image"], SourceImage(values["image"], size, place))
        if not values["category"]:
            continue  # a row that only names an image: one without objects
        try:
            marks.append(_mark(values, place))
        except ValueError as error:
            findings.skip("rows that cannot be read", f"{place}: {error}")
    return Source(tuple(images.values()), (), tuple(marks))


def _mark(values: dict[str, str], place: str) -> Mark:
    flag = values.get("negative", "").lower()
    if flag not in _YES | _NO:
        raise ValueError(f"expected 'negative' as 0 or 1, found {flag!r}")
    points: tuple[Point, ...] = ()
    if values.get("x") or values.get("y"):
        points = ((_number(values, "x"), _number(values, "y")),)
    box = None
    if any(values.get(side) for side in _BOX):
        x1, y1, x2, y2 = (_number(values, side) for side in _BOX)
        box = (x1, y1, x2, y2)
    is_negative = flag in _YES
    if is_negative and not values.get("object"):
        raise ValueError("a negative click needs the 'object' it belongs to")
    return Mark(
        place=place,
        reference=values["image"],
        category=values["category"],
        points=() if is_negative else points,
        negative_points=points if is_negative else (),
        box=box,
        group=values.get("object") or None,
    )


def _number(values: dict[str, str], column: str) -> float:
    try:
        number = float(values.get(column, ""))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"expected a number as {column!r}, found {values.get(column)!r}")
    return number


def _size(values: dict[str, str]) -> tuple[int, int] | None:
    height, width = values.get("image_height", ""), values.get("image_width", "")
    return (int(height), int(width)) if height.isdigit() and width.isdigit() else None
