"""Detection of the format of a file or folder by its content: by what is the format's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

from sapnet.data.choices import SourceFormat
from sapnet.data.formats.readers.table.columns import find_columns, guess_header
from sapnet.data.formats.readers.table.rows import read_rows
from sapnet.data.formats.signs import (
    CLASSES_FILE,
    CREATEML_BOXES,
    CREATEML_IMAGE,
    LABEL_KEYS,
    is_labelme,
    is_via,
    is_via_header,
    voc_files,
    yolo_root,
)
from sapnet.data.formats.xml_values import parse_xml
from sapnet.system.files import read_json
from sapnet.system.outside import shown

JSON_FORMATS: tuple[SourceFormat, ...] = ("coco", "detectron2", "label-studio", "createml")
"""Formats of one json file each, of which folders are read, too."""

_TABLES = (".csv", ".tsv", ".txt")
_LOOKED_AT = 100  # records of a list, in which a format's own keys are looked for


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
            f"{path}: its format is none that is known ({known}){_seen(path)}. Unpack archives "
            "first. If it is one of these, say which with --from."
        )
    return found


def _of_folder(path: Path) -> Detection | None:
    if (path / "annotations.xml").is_file():
        return _of_file(path / "annotations.xml")
    xmls = voc_files(path)
    if yolo_root(path) is not None and not (xmls and (path / CLASSES_FILE).is_file()):
        return Detection("yolo", "the folder holds data.yaml, obj.data or classes.txt")
    labelme = next((f for f in sorted(path.rglob("*.json")) if is_labelme(read_json(f))), None)
    if labelme is not None:
        return Detection("labelme", f"{labelme.name} has the keys 'shapes' and 'imagePath'")
    for file in xmls:
        if _is_voc(parse_xml(file)):
            return Detection("voc", f"{file.name} begins with <annotation>")
    if (path / "SegmentationObject").is_dir():
        return Detection("voc", "the folder holds SegmentationObject")
    # labelImg writes classes.txt beside the xml files of VOC, too.
    if yolo_root(path):
        return Detection("yolo", "the folder holds classes.txt")
    return _of_json_folder(path)


def _of_json_folder(path: Path) -> Detection | None:
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
            return _of_xml(parse_xml(path))
        case ".yaml" | ".yml":
            return Detection("yolo", "a yaml file")
        case ".data" | ".names":
            return Detection("yolo", "a file of YOLO 1.1") if yolo_root(path) else None
        case ".geojson" | ".gpkg":
            return Detection("geo", "its ending is that of points and polygons on the map")
        case ending if ending in _TABLES:
            return _of_table(path)
    return None


def _of_xml(root: ElementTree.Element) -> Detection | None:
    if root.tag == "annotations" and _is_cvat(root):
        return Detection("cvat", "the xml begins with <annotations>")
    if root.tag == "annotation" and _is_voc(root):
        return Detection("voc", "the xml begins with <annotation>")
    return None


def _is_cvat(root: ElementTree.Element) -> bool:
    tags = {child.tag for child in root}
    return not tags or not tags.isdisjoint(("version", "meta", "image", "track"))


def _is_voc(root: ElementTree.Element) -> bool:
    """Return True for VOC's xml; LabelMe's old one has polygons, but no boxes."""
    objects = root.findall("object")
    boxes = any(entry.find("bndbox") is not None for entry in objects)
    polygons = any(entry.find("polygon/pt") is not None for entry in objects)
    return root.tag == "annotation" and (boxes or not polygons)


def _of_table(path: Path) -> Detection | None:
    rows = read_rows(path, most=1)
    header = rows[0].cells if rows else ()
    if is_via_header(header):
        return Detection("via", "a table with the column 'region_shape_attributes'")
    guessed = guess_header(header)
    if guessed is not None:
        return Detection("csv", f"no header, but MakeSense's columns {', '.join(guessed)}")
    columns = find_columns(header, "image")
    if columns is None:
        return None
    named = [columns.names[place] for place in sorted(columns.known)]
    return Detection("csv", f"its first row names {', '.join(named)[:200]}")


def _of_json(content: Any) -> Detection | None:  # noqa: ANN401  # any json
    if isinstance(content, dict):
        if content.get("type") == "FeatureCollection" and "features" in content:
            return Detection("geo", "a FeatureCollection of GeoJSON")
        if {"images", "annotations", "categories"} <= content.keys():
            return _coco(content)
        if is_labelme(content):
            return Detection("labelme", "it has the keys 'shapes' and 'imagePath'")
        if is_via(content):
            return Detection("via", "its entries have 'filename' and 'regions'")
        return None
    return _of_list(content) if isinstance(content, list) else None


def _of_list(content: list[Any]) -> Detection | None:
    records = [record for record in content[:_LOOKED_AT] if isinstance(record, dict)]
    if any({"image_id", "category_id", "segmentation", "score"} <= r.keys() for r in records):
        return Detection("results", "a list of records with 'segmentation' and 'score'")
    if any(map(_is_task, records)):
        return Detection("label-studio", "a list of tasks with 'data', or annotations' 'result'")
    if any(map(_is_minimal_task, records)):
        return Detection("label-studio", "a list of tasks in the short form JSON-MIN")
    if any(map(_is_createml, records)):
        return Detection("createml", "a list of images whose annotations have 'coordinates'")
    if any({"file_name", "annotations"} <= record.keys() for record in records):
        return Detection("detectron2", "a list of images with 'file_name' and 'annotations'")
    return None


def _is_task(record: dict[str, Any]) -> bool:
    """Return True for a task of Label Studio: `data`, or annotations with a `result`."""
    lists = [record.get(key) for key in ("annotations", "completions", "predictions")]
    has_result = any("result" in entry for entry in _records(lists))
    return has_result or isinstance(record.get("data"), dict)


def _is_minimal_task(record: dict[str, Any]) -> bool:
    has_editor = not record.keys().isdisjoint(("annotator", "lead_time", "annotation_id"))
    own = {"original_width", *LABEL_KEYS} - {"labels"}  # other tools have "labels", too
    return has_editor or any(not own.isdisjoint(r.keys()) for r in _records(record.values()))


def _is_createml(record: dict[str, Any]) -> bool:
    lists = [record.get(key) for key in CREATEML_BOXES]
    has_image = any(isinstance(record.get(key), str) for key in CREATEML_IMAGE)
    is_empty = any(entries == [] for entries in lists)
    return has_image and (is_empty or any("coordinates" in entry for entry in _records(lists)))


def _records(values: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the objects of the lists among some values."""
    lists = [value for value in values if isinstance(value, list)]
    return [entry for entries in lists for entry in entries if isinstance(entry, dict)]


def _seen(path: Path) -> str:
    """Return a few words on what was found instead, for the message."""
    if path.suffix.lower() == ".json":
        content = read_json(path)
        first = content[0] if isinstance(content, list) and content else content
        kind = "a list" if isinstance(content, list) else "one value"
        if isinstance(first, dict):
            return f"; found {kind} with the keys {shown(list(first))}"
        return f"; found {kind}: {shown(content)}"
    if path.suffix.lower() in _TABLES:
        rows = read_rows(path, most=1)
        row = f"the first row {', '.join(rows[0].cells)[:200]}" if rows else "an empty file"
        return f"; found {row}, expected names of columns such as image, x, y, label"
    return ""


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
