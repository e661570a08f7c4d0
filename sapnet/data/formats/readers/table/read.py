"""Reader of clicks and boxes in a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sapnet.data.formats.fields import parse_number, parse_whole
from sapnet.data.formats.image_paths import ImageFolder
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box, Point
from sapnet.data.formats.readers.table.columns import (
    Columns,
    SizeColumns,
    SizeQuestionError,
    find_columns,
    guess_header,
    repeated_columns,
)
from sapnet.data.formats.readers.table.rows import Row, read_rows
from sapnet.data.problems import RecordError
from sapnet.system.outside import MAX_SIDE, is_text, shown

_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})
_OVERHANG = 1.0  # pixels that a rounded box may reach over its image


@dataclass(frozen=True)
class TableOptions:
    """Choices for reading a table.

    Attributes:
        size_columns: meaning of the columns `width` and `height`.
        default_label: category of rows that name none.
    """

    size_columns: SizeColumns = "ask"
    default_label: str | None = None


def read_table(
    path: Path,
    findings: Findings,
    options: TableOptions | None = None,
    folder: ImageFolder | None = None,
) -> Source:
    """Read clicks and boxes from a csv file.

    The first row names the columns (see `columns.py`); MakeSense's exports have no such row.

    Args:
        path: the file, with comma, semicolon or tab between the columns.
        findings: collects rows that cannot be read.
        options: choices.
        folder: the folder of the images, whose sizes tell what `width` and `height` are.

    Raises:
        FileNotFoundError: there is no such file.
        SizeQuestionError: it is unclear if `width` and `height` are the image's or a box's.
        ValueError: a column is missing, or the numbers are no pixels.
    """
    options = options or TableOptions()
    rows = read_rows(path)
    if not rows:
        raise ValueError(
            f"{path}: expected the columns image, x, y and category, found an empty file. Export "
            "it again."
        )
    guessed = guess_header(rows[0].cells)
    content = rows if guessed else rows[1:]
    if options.size_columns == "ask" and _are_sizes(rows[0].cells, content, folder):
        options = replace(options, size_columns="image")
    columns = _columns(path, guessed or rows[0].cells, options)
    if guessed:
        what = f"a table without a header, read as MakeSense's {', '.join(guessed)}"
        findings.note(what, path.name)
    for place, name in enumerate(columns.names):
        if place not in columns.known:
            findings.note("columns that clicks do not hold", f"{path.name}, column {name!r}")
    source = _read(path, content, columns, findings, options)
    _check_pixels(path, source)
    if guessed:
        _check_boxes(path, source)
    return source


def _read(
    path: Path, rows: list[Row], columns: Columns, findings: Findings, options: TableOptions
) -> Source:
    images: dict[str, SourceImage] = {}
    marks: list[Mark] = []
    for row in rows:
        place = f"{path.name}, line {row.line}"
        cells = row.cells + ("",) * (len(columns.names) - len(row.cells))
        if len(cells) > len(columns.names):
            what = "rows of more cells than there are columns; check their quotation marks"
            findings.skip(what, place)
            continue
        if not cells[columns.image]:
            findings.skip("rows without an image", place)
            continue
        try:
            if not is_text(cells[columns.image]):
                raise ValueError(
                    f"expected the name of an image, found {shown(cells[columns.image])}"
                )
            image = SourceImage(cells[columns.image], _size(cells, columns), place)
            _add_image(path, images, image)
            mark = _mark(cells, columns, place, options.default_label)
        except RecordError:
            raise
        except ValueError as error:
            findings.skip("rows that cannot be read", f"{place}: {error}")
            continue
        if mark is not None:
            marks.append(mark)
    return Source(tuple(images.values()), (), tuple(marks))


def _columns(path: Path, header: tuple[str, ...], options: TableOptions) -> Columns:
    repeated = repeated_columns(header)
    if repeated:
        raise ValueError(
            f"{path}: expected every column once, found {', '.join(repeated)[:200]} more often. "
            "Rename the columns in the first row."
        )
    try:
        columns = find_columns(header, options.size_columns)
    except SizeQuestionError as question:
        raise SizeQuestionError(f"{path}: {question}") from question
    if columns is None:
        raise ValueError(
            f"{path}: expected the columns image, x, y and category (or image, xmin, ymin, xmax, "
            f"ymax and category, or image, x, y, w, h and category), found "
            f"{', '.join(header)[:200]}. Rename the columns in the first row, or add one."
        )
    if columns.category is None and options.default_label is None:
        raise ValueError(
            f"{path}: expected the columns image, x, y and category, but none of "
            f"{', '.join(header)[:200]} is the category. Rename it, or name the category with "
            "--default-label."
        )
    return columns


def _are_sizes(header: tuple[str, ...], rows: list[Row], folder: ImageFolder | None) -> bool:
    """Return True if an unclear `width` and `height` are the sizes of all images of a folder."""
    try:
        find_columns(header)
    except SizeQuestionError:
        columns = find_columns(header, "image")
    else:
        return False
    if columns is None or columns.size is None or folder is None or folder.folder is None:
        return False
    listed = {
        (row.cells[columns.image], *(row.cells[c] for c in columns.size))
        for row in rows
        if len(row.cells) == len(header)
    }
    if len({name for name, *_ in listed}) != len(listed):
        return False  # several sizes of one image
    return bool(listed) and all(_is_real(folder, *entry) for entry in listed)


def _is_real(folder: ImageFolder, reference: str, width: str, height: str) -> bool:
    name = folder.file_name(reference)
    try:
        header = None if name is None else folder.header(name)
        size = parse_whole(height, 1, MAX_SIDE), parse_whole(width, 1, MAX_SIDE)
    except ValueError:
        return False
    return header is not None and size in (header.upright_size, header.stored_size)


def _add_image(path: Path, images: dict[str, SourceImage], image: SourceImage) -> None:
    known = images.get(image.reference)
    if known is None or known.size is None:
        images[image.reference] = image
    elif image.size not in (None, known.size):
        (height, width), (other_height, other_width) = known.size, image.size or (0, 0)
        raise RecordError(
            path,
            f"expected one size of {image.reference!r}, found {width} x {height} and "
            f"{other_width} x {other_height}. If 'width' and 'height' are those of boxes, say "
            "--size-columns box.",
            place=image.place.partition(", ")[2],
        )


def _size(cells: tuple[str, ...], columns: Columns) -> tuple[int, int] | None:
    """Return the (height, width) of a row's image, None if its cells are empty."""
    if columns.size is None or not any(cells[place] for place in columns.size):
        return None
    try:
        width, height = (parse_whole(cells[place], 1, MAX_SIDE) for place in columns.size)
    except ValueError as error:
        names = " and ".join(repr(columns.names[place]) for place in columns.size)
        raise ValueError(f"columns {names}: {error}") from error
    return height, width


def _mark(
    cells: tuple[str, ...], columns: Columns, place: str, default_label: str | None
) -> Mark | None:
    """Return the mark of a row; None if it only names an image."""

    def cell(column: int | None) -> str:
        return "" if column is None else cells[column]

    point, box = _click(cells, columns), _box(cells, columns)
    category = cell(columns.category)
    if not category:
        if point is None and box is None:
            return None
        if default_label is None:
            raise ValueError("expected a category; name it with --default-label")
    elif not is_text(category):
        raise ValueError(f"expected the name of a category, found {shown(category)}")
    flag = cell(columns.negative).lower()
    if flag not in _YES | _NO:
        raise ValueError(f"expected 'negative' as 0 or 1, found {shown(flag)}")
    is_negative = flag in _YES
    if is_negative and not cell(columns.object):
        raise ValueError("a negative click needs the 'object' it belongs to")
    points = () if point is None else (point,)
    return Mark(
        place=place,
        reference=cells[columns.image],
        category=category or default_label or "",
        points=() if is_negative else points,
        negative_points=points if is_negative else (),
        box=box,
        group=cell(columns.object) or None,
    )


def _number(cells: tuple[str, ...], columns: Columns, place: int) -> float:
    try:
        return parse_number(cells[place])
    except ValueError as error:
        name, found = columns.names[place], shown(cells[place])
        raise ValueError(f"expected a number as {name!r}, found {found}") from error


def _click(cells: tuple[str, ...], columns: Columns) -> Point | None:
    if columns.click is None or not any(cells[place] for place in columns.click):
        return None
    x, y = (_number(cells, columns, place) for place in columns.click)
    return x, y


def _box(cells: tuple[str, ...], columns: Columns) -> Box | None:
    if columns.box is None or not any(cells[place] for place in columns.box):
        return None
    first, second, third, fourth = (_number(cells, columns, place) for place in columns.box)
    box = first, second, third, fourth
    if columns.box_kind == "sides":
        box = first, second, first + third, second + fourth
    elif columns.box_kind == "centre":
        box = first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2
    if box[2] < box[0] or box[3] < box[1]:
        names = ", ".join(columns.names[place] for place in columns.box)
        found = ", ".join(cells[place] for place in columns.box)
        raise ValueError(f"expected a box of positive size in {names}, found {found}")
    return box


def _check_pixels(path: Path, source: Source) -> None:
    """Refuse a table whose coordinates are all shares of the image's size."""
    marks = source.marks
    values = [v for mark in marks for point in mark.points for v in point]
    values += [v for mark in marks if mark.box is not None for v in mark.box]
    if values and all(0 <= v <= 1 for v in values) and any(v % 1 for v in values):
        raise ValueError(
            f"{path}: expected coordinates in pixels, but all are between 0 and 1, as shares of "
            "the image's width and height are. Multiply x by the width and y by the height."
        )


def _check_boxes(path: Path, source: Source) -> None:
    """Refuse MakeSense's lines, which have the columns of its boxes."""
    sizes = {image.reference: image.size for image in source.images}
    for mark in source.marks:
        size = sizes[mark.reference]
        if mark.box is None or size is None:
            continue
        if mark.box[2] > size[1] + _OVERHANG or mark.box[3] > size[0] + _OVERHANG:
            raise RecordError(
                path,
                "expected a box inside its image (label, x, y, width, height, image, image width, "
                "image height), found one that ends outside, as in MakeSense's export of lines. "
                "Export boxes or points, or write the names of the columns in the first row.",
                place=mark.place.partition(", ")[2],
            )
