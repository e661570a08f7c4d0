"""Detection of the format of a file or folder by its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sapnet.data.choices import SourceFormat
from sapnet.data.formats.signs import (
    is_labelme,
    is_via,
    known_columns,
    read_header_row,
    voc_files,
    yolo_root,
)
from sapnet.data.formats.xml_values import parse_xml
from sapnet.system.files import read_json

JSON_FORMATS: tuple[SourceFormat, ...] = ("coco", "detectron2", "label-studio")
"""Formats of one json file each, of which folders are read, too."""


@dataclass(frozen=True)
class Detection:
    """A format, and the reason why it was recognized."""

    name: SourceFormat
    reason: str


def detect_format(path: Path) -> Detection:
    """Detect the format of a file or folder by its content.

    Args:
        path: the file or folder.

    Returns:
        The format and the reason.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it has none of the known formats; the message lists them.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder. Name what the tool exported.")
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found is None:
        known = ", ".join(get_args(SourceFormat))
        raise ValueError(
            f"{path}: its format is none that is known ({known}). Unpack archives first. "
            "If it is one of these, say which with --from."
        )
    return found


def _of_folder(path: Path) -> Detection | None:
    if (path / "annotations.xml").is_file():
        return _of_file(path / "annotations.xml")
    if yolo_root(path) is not None:
        return Detection("yolo", "the folder holds data.yaml or classes.txt")
    for file in sorted(path.rglob("*.json")):
        if is_labelme(read_json(file)):
            return Detection("labelme", f"{file.name} has the keys 'shapes' and 'imagePath'")
    for file in voc_files(path):
        if parse_xml(file).tag == "annotation":
            return Detection("voc", f"{file.name} begins with <annotation>")
    if (path / "SegmentationObject").is_dir():
        return Detection("voc", "the folder holds SegmentationObject")
    for file in sorted(path.rglob("*.json")):
        found = _of_json(read_json(file))
        if found is not None and found.name in JSON_FORMATS:
            return Detection(found.name, f"the folder holds {file.name}: {found.reason}")
    return None


def format_of_json(path: Path) -> str | None:
    """Return the name of the format of a json file, None if it is unknown."""
    found = _of_json(read_json(path))
    return None if found is None else found.name


def _of_file(path: Path) -> Detection | None:
    match path.suffix.lower():
        case ".json":
            return _of_json(read_json(path))
        case ".xml":
            tag = parse_xml(path).tag
            kinds: dict[str, SourceFormat] = {"annotations": "cvat", "annotation": "voc"}
            return Detection(kinds[tag], f"the xml begins with <{tag}>") if tag in kinds else None
        case ".yaml" | ".yml":
            return Detection("yolo", "a yaml file")
        case ".csv" | ".tsv" | ".txt":
            columns = known_columns(read_header_row(path))
            if {"image", "category"} <= columns.keys():
                return Detection("csv", f"its first row names {', '.join(columns.values())}")
    return None


def _of_json(content: Any) -> Detection | None:  # noqa: ANN401  # any json
    if isinstance(content, dict):
        if {"images", "annotations", "categories"} <= content.keys():
            return _coco(content)
        if is_labelme(content):
            return Detection("labelme", "it has the keys 'shapes' and 'imagePath'")
        if is_via(content):
            return Detection("via", "its entries have 'filename' and 'regions'")
        return None
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return None
    first = content[0]
    if {"image_id", "category_id", "segmentation", "score"} <= first.keys():
        return Detection("results", "a list of records with 'segmentation' and 'score'")
    if {"file_name", "annotations"} <= first.keys():
        return Detection("detectron2", "a list of images with 'file_name' and 'annotations'")
    if "data" in first or "annotations" in first:
        return Detection("label-studio", "a list of tasks with 'data' and 'annotations'")
    if "annotator" in first or "lead_time" in first:
        return Detection("label-studio", "a list of tasks in the short form JSON-MIN")
    return None


def _coco(content: dict[str, Any]) -> Detection:
    keys = ("point", "keypoints", "segmentation", "bbox")
    annotations = content["annotations"]
    records = (
        [a for a in annotations if isinstance(a, dict)] if isinstance(annotations, list) else []
    )
    counts = {key: sum(bool(record.get(key)) for record in records) for key in keys}
    held = ", ".join(f"{count} with '{key}'" for key, count in counts.items() if count)
    return Detection(
        "coco",
        f"it has 'images', 'annotations' and 'categories'; of {len(records)}: {held or 'none'}",
    )
