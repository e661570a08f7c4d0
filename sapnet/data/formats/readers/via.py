"""Reader of VGG Image Annotator 2: saved projects and json exports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.shapes import ellipse
from sapnet.data.formats.signs import VIA_METADATA, is_via
from sapnet.system.files import read_json

Json = Any
_USUAL_KEYS = ("class", "category", "label", "name", "type", "object")


def read_via(path: Path, findings: Findings, label_key: str | None = None) -> Source:
    """Read a VIA 2 project, or its export "annotations as json".

    Args:
        path: the json file.
        findings: collects what is lost: polylines, regions without a category.
        label_key: the region attribute with the category; None detects it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not VIA 2 json, or several attributes could be the category.
    """
    content = read_json(path)
    if not is_via(content):
        raise ValueError(f"{path}: expected a VIA 2 project or annotation export, found neither.")
    entries = content.get(VIA_METADATA, content)
    options = _option_names(content)
    files = [entry for entry in entries.values() if isinstance(entry, dict)]
    key = label_key or _find_label_key(path, files)
    images, marks = [], []
    for entry in files:
        place = f"{path.name}, {entry['filename']}"
        images.append(SourceImage(str(entry["filename"]), None, place))
        for index, region in enumerate(_regions(entry)):
            where = f"{place}, region {index}"
            name = _category(region.get("region_attributes", {}).get(key), options.get(key, {}))
            if name is None:
                findings.skip(f"regions without the attribute {key!r}", where)
                continue
            try:
                geometry = _geometry(region["shape_attributes"])
            except (KeyError, TypeError, ValueError) as error:
                findings.skip("regions that cannot be read", f"{where}: {error!r}")
                continue
            if geometry is None:
                findings.skip(f"shapes {region['shape_attributes'].get('name')!r}", where)
                continue
            marks.append(Mark(where, str(entry["filename"]), name, **geometry))
    return Source(tuple(images), (), tuple(marks))


def _regions(entry: Json) -> list[Json]:
    regions = entry.get("regions") or []
    return list(regions.values()) if isinstance(regions, dict) else regions  # VIA 1 numbers them


def _find_label_key(path: Path, files: list[Json]) -> str:
    keys = {
        key
        for entry in files
        for region in _regions(entry)
        for key in region.get("region_attributes", {})
    }
    usual = [key for key in _USUAL_KEYS if key in keys]
    if len(keys) == 1 or not keys:
        return next(iter(keys), _USUAL_KEYS[0])
    if len(usual) == 1:
        return usual[0]
    raise ValueError(
        f"{path}: expected one region attribute with the category, found {', '.join(sorted(keys))}."
        " Say which with --label-key."
    )


def _option_names(content: Json) -> dict[str, dict[str, str]]:
    """Return the names that a project shows for the option ids of its region attributes."""
    attributes = content.get("_via_attributes", {}).get("region", {})
    return {
        key: {option: str(name) for option, name in attribute.get("options", {}).items() if name}
        for key, attribute in attributes.items()
        if isinstance(attribute, dict) and isinstance(attribute.get("options", {}), dict)
    }


def _category(value: Json, options: dict[str, str]) -> str | None:
    """Return the name of a text, a chosen option, or the first ticked box."""
    if isinstance(value, dict):
        value = next((key for key, is_ticked in value.items() if is_ticked), None)
    text = "" if value is None else str(value).strip()
    return options.get(text, text) or None


def _geometry(shape: Json) -> dict[str, Any] | None:
    def numbers(*names: str) -> Iterator[float]:
        return (float(shape[name]) for name in names)

    match shape["name"]:
        case "point":
            return {"points": (tuple(numbers("cx", "cy")),)}
        case "rect":
            x, y, width, height = numbers("x", "y", "width", "height")
            return {"box": (x, y, x + width, y + height)}
        case "polygon":
            pairs = zip(shape["all_points_x"], shape["all_points_y"], strict=True)
            return {"polygons": (tuple((float(x), float(y)) for x, y in pairs),)}
        case "circle":
            x, y, radius = numbers("cx", "cy", "r")
            return {"polygons": (ellipse((x, y), (radius, radius)),)}
        case "ellipse":
            x, y, rx, ry = numbers("cx", "cy", "rx", "ry")
            # VIA gives the angle of its canvas: radians, clockwise.
            degrees = float(shape.get("theta", 0)) * 180 / math.pi
            return {"polygons": (ellipse((x, y), (rx, ry), degrees),)}
    return None
