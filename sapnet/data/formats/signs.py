"""Signs by which the formats of files and folders are recognized."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

Json = Any

DATA_FILE, CLASSES_FILE = "data.yaml", "classes.txt"
"""Files with the names of the classes of a YOLO data set."""

VIA_METADATA = "_via_img_metadata"
"""Key of the images of a VIA 2 project."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "image": ("image", "file", "filename", "file_name", "path", "image_path", "image_name"),
    "x": ("x", "cx", "point_x", "x_coord", "click_x"),
    "y": ("y", "cy", "point_y", "y_coord", "click_y"),
    "category": ("category", "class", "label", "class_name", "category_name", "name"),
    "object": ("object", "object_id", "group", "group_id", "instance"),
    "negative": ("negative", "is_negative"),
    "xmin": ("xmin", "x1", "left", "x_min"),
    "ymin": ("ymin", "y1", "top", "y_min"),
    "xmax": ("xmax", "x2", "right", "x_max"),
    "ymax": ("ymax", "y2", "bottom", "y_max"),
    "image_width": ("image_width", "img_width", "width"),
    "image_height": ("image_height", "img_height", "height"),
}
"""The columns, and the headers that are accepted for each, in any case."""

_SNIFFED = 4096  # characters from which the separator is guessed


def is_labelme(content: Json) -> bool:
    """Return True if a json value is a LabelMe or X-AnyLabeling file."""
    return isinstance(content, dict) and "shapes" in content and "imagePath" in content


def is_via(content: Json) -> bool:
    """Return True if a json value is a VIA 2 project or annotation export."""
    return isinstance(content, dict) and (VIA_METADATA in content or _is_export(content))


def _is_export(content: Json) -> bool:
    entries = list(content.values())
    return bool(entries) and all(
        isinstance(e, dict) and "filename" in e and "regions" in e for e in entries
    )


def yolo_root(path: Path) -> Path | None:
    """Return the folder of a YOLO data set, given it or its `data.yaml`; else None."""
    if path.is_file():
        return path.parent if path.suffix in (".yaml", ".yml") else None
    has_names = (path / DATA_FILE).is_file() or (path / CLASSES_FILE).is_file()
    return path if has_names else None


def voc_files(path: Path) -> list[Path]:
    """List the annotation files of a path: the file itself, or those of a folder, sorted."""
    if path.is_file():
        return [path]
    return sorted(
        (path / "Annotations" if (path / "Annotations").is_dir() else path).rglob("*.xml")
    )


def known_columns(header: list[str]) -> dict[str, str]:
    """Return the known columns of a header, each with its name in the header."""
    words = {word.strip().lower().replace(" ", "_"): word for word in header}
    found = {}
    for column, spellings in COLUMNS.items():
        spelling = next((s for s in spellings if s in words), None)
        if spelling is not None:
            found[column] = words[spelling]
    return found


def read_header_row(path: Path) -> list[str]:
    """Return the first row of a csv file."""
    return list(open_table(path).fieldnames or [])


def open_table(path: Path) -> csv.DictReader[str]:
    """Open a csv file with a header; the separator is guessed from the first row.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Name a csv file.")
    text = path.read_text(encoding="utf-8-sig")
    first = text[:_SNIFFED].splitlines()[:1]
    separator = max(",;\t", key=lambda mark: first[0].count(mark)) if first else ","
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
