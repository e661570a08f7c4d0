"""Reader of VGG Image Annotator 2: saved projects, and its json and csv exports."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapnet.data.formats.fields import NO_CATEGORY, Fields, brief
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.readers.table.rows import read_rows
from sapnet.data.formats.shapes import ellipse
from sapnet.data.formats.signs import VIA_COLUMNS, VIA_METADATA, is_via, is_via_header
from sapnet.data.problems import RecordError
from sapnet.system.files import read_json
from sapnet.system.outside import is_text, shown

Json = Any
_USUAL_KEYS = ("class", "category", "label", "name", "type", "object")


@dataclass(frozen=True)
class _Project:
    """The content of a VIA file: images, their regions (not checked), names of options."""

    images: tuple[SourceImage, ...]
    regions: tuple[tuple[str, Fields], ...]  # the image's name, and a region
    options: dict[str, dict[str, str]]


def read_via(
    path: Path,
    findings: Findings,
    label_key: str | None = None,
    default_label: str | None = None,
) -> Source:
    """Read a VIA 2 project, or its export "annotations as json" or "as csv".

    Args:
        path: the json or csv file.
        findings: collects what is lost: polylines, regions without a category.
        label_key: the region attribute with the category; None detects it.
        default_label: category of regions that have no such attribute.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no file of VIA 2, several attributes could be the category, or there is
            none and no default.
    """
    project = _read_csv(path, findings) if path.suffix.lower() == ".csv" else _read_json(path)
    key = label_key or _find_label_key(path, project, default_label)
    marks: list[Mark] = []
    for name, region in project.regions:
        try:
            category = _category(region, key, project.options, findings) or default_label
            if category is None:
                findings.skip(f"regions without the attribute {key!r}", region.where)
                findings.note(NO_CATEGORY, region.where)
                continue
            shape = region.inner("shape_attributes")
            geometry = _geometry(shape)
        except RecordError as error:
            findings.skip("regions that cannot be read", f"{region.where}: {brief(error)}")
            continue
        if geometry is None:
            findings.skip(f"shapes {shown(shape.content.get('name'))}", region.where)
            continue
        marks.append(Mark(region.where, name, category, **geometry))
    return Source(project.images, (), tuple(marks))


def _read_json(path: Path) -> _Project:
    content = read_json(path)
    if not is_via(content):
        raise ValueError(f"{path}: expected a VIA 2 project or annotation export, found neither.")
    whole = Fields(path, "project", content)
    entries = whole.inner(VIA_METADATA).content if VIA_METADATA in content else content
    images: list[SourceImage] = []
    regions: list[tuple[str, Fields]] = []
    for key, value in entries.items():
        if not isinstance(value, dict):
            raise RecordError(
                path,
                f"expected an image with 'filename', found {shown(value)}. Drop it.",
                place=shown(key),
            )
        name = Fields(path, f"image {shown(key)}", value).text("filename")
        entry = Fields(path, name, value)
        images.append(SourceImage(name, None, entry.where))
        found = value.get("regions") or []
        # VIA 1 numbers the regions in an object.
        numbered = found.items() if isinstance(found, dict) else enumerate(entry.entries("regions"))
        for index, region in numbered:
            number = index if is_text(str(index)) else shown(index)
            regions.append((name, _region(path, f"{name}, region {number}", region)))
    return _Project(tuple(images), tuple(regions), _option_names(whole))


def _region(path: Path, place: str, region: Json) -> Fields:
    """Return a region; one that is no object becomes one that cannot be read."""
    if isinstance(region, dict):
        return Fields(path, place, region)
    return Fields(path, place, {"shape_attributes": region, "region_attributes": region})


def _read_csv(path: Path, findings: Findings) -> _Project:
    rows = read_rows(path)
    if not rows or not is_via_header(rows[0].cells):
        raise ValueError(
            f"{path}: expected VIA's csv with the columns {', '.join(VIA_COLUMNS)}, found "
            f"{', '.join(rows[0].cells)[:200] if rows else 'an empty file'}."
        )
    header = [name.lstrip("#") for name in rows[0].cells]
    places = [header.index(name) for name in VIA_COLUMNS]
    images: dict[str, SourceImage] = {}
    regions = []
    for row in rows[1:]:
        where = f"line {row.line}"
        if len(row.cells) != len(header):
            what = f"rows that cannot be read: expected {len(header)} cells"
            findings.skip(what, f"{path.name}, {where}: found {len(row.cells)}")
            continue
        name, shape, attributes = (row.cells[place] for place in places)
        if not is_text(name):
            findings.skip("rows without an image", f"{path.name}, {where}")
            continue
        images.setdefault(name, SourceImage(name, None, f"{path.name}, {where}"))
        region = {"shape_attributes": _parsed(shape), "region_attributes": _parsed(attributes)}
        if region["shape_attributes"] != {}:  # a row that only names an image
            regions.append((name, Fields(path, where, region)))
    return _Project(tuple(images.values()), tuple(regions), {})


def _parsed(cell: str) -> Json:
    """Return the json of a cell, or the cell itself if it is none, for the message."""
    try:
        return json.loads(cell or "{}")
    except (ValueError, RecursionError):
        return cell


def _find_label_key(path: Path, project: _Project, default_label: str | None) -> str:
    keys = {
        key
        for _, region in project.regions
        for key in _object(region.content.get("region_attributes"))
    }
    usual = [key for key in _USUAL_KEYS if key in keys]
    if not keys and project.regions and default_label is None:
        raise ValueError(
            f"{path}: expected a region attribute that names the category, but the regions have "
            "none. Name their category with --default-label."
        )
    if len(keys) == 1 or not keys:
        return next(iter(keys), _USUAL_KEYS[0])
    if len(usual) == 1:
        return usual[0]
    found = ", ".join(sorted(keys))[:200]
    raise ValueError(
        f"{path}: expected one region attribute that names the category, found {found}. "
        "Say which with --label-key."
    )


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _option_names(project: Fields) -> dict[str, dict[str, str]]:
    """Return the text of each option of each attribute, where a project names them."""
    attributes = project.inner("_via_attributes").inner("region").content
    return {
        key: {
            option: str(name)
            for option, name in _object(_object(attribute).get("options")).items()
            if is_text(name)
        }
        for key, attribute in attributes.items()
    }


def _category(
    region: Fields, key: str, options: dict[str, dict[str, str]], findings: Findings
) -> str | None:
    """Return the name of a text, a chosen option, or the first ticked box; None for none."""
    attributes = region.inner("region_attributes")
    value = attributes.content.get(key)
    if isinstance(value, dict):
        ticked = [name for name, is_ticked in value.items() if is_ticked]
        for _ in ticked[1:]:
            findings.skip("further labels of a region", region.where)
        value = ticked[0] if ticked else None
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not is_text(value):
        raise attributes.problem(key, "text")
    return options.get(key, {}).get(value.strip(), value.strip())


def _geometry(shape: Fields) -> dict[str, Any] | None:
    def numbers(*names: str) -> Iterator[float]:
        return (shape.number(name) for name in names)

    match shape.text("name"):
        case "point":
            return {"points": (tuple(numbers("cx", "cy")),)}
        case "rect":
            x, y, width, height = numbers("x", "y", "width", "height")
            return {"box": (x, y, x + width, y + height)}
        case "polygon":
            xs, ys = shape.numbers("all_points_x"), shape.numbers("all_points_y")
            if len(xs) != len(ys):
                raise shape.problem("all_points_y", f"{len(xs)} numbers, one for each x")
            return {"polygons": (tuple(zip(xs, ys, strict=True)),)}
        case "circle":
            x, y, radius = numbers("cx", "cy", "r")
            return {"polygons": (ellipse((x, y), (radius, radius)),)}
        case "ellipse":
            x, y, rx, ry = numbers("cx", "cy", "rx", "ry")
            # VIA gives the angle of its canvas: radians, clockwise.
            degrees = shape.number("theta", 0.0) * 180 / math.pi
            return {"polygons": (ellipse((x, y), (rx, ry), degrees),)}
    return None
