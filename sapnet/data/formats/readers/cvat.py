"""Reader of the format "CVAT for images", XML 1.1."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Point
from sapnet.data.formats.shapes import bounding_box, ellipse, place_mask, rotated_rectangle
from sapnet.data.formats.xml_values import parse_xml
from sapnet.structures.clicks import RLE, Category

_NOT_TAKEN = frozenset({"polyline", "cuboid", "tag", "skeleton"})


def read_cvat(path: Path, findings: Findings) -> Source:
    """Read `annotations.xml` of an export "CVAT for images 1.1".

    Args:
        path: the xml file, or its folder.
        findings: collects what is lost: polylines, cuboids, tags, skeletons, tracks.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not such an xml file.
    """
    path = path / "annotations.xml" if path.is_dir() else path
    root = parse_xml(path)
    if root.tag != "annotations":
        raise ValueError(
            f"{path}: expected CVAT's <annotations>, found <{root.tag}>. "
            "Export the task as 'CVAT for images 1.1'."
        )
    for track in root.iter("track"):
        what = "tracks of a video; export as 'CVAT for images 1.1' for single frames"
        findings.skip(what, f"{path.name}, track {track.get('id')}")
    names = [
        label.findtext("name", "") for label in root.iter("label") if label.find("name") is not None
    ]
    images, marks = [], []
    for element in root.iter("image"):
        reference = element.get("name", "")
        place = f"{path.name}, image {element.get('id')} ({reference})"
        size = (int(element.get("height", 0)), int(element.get("width", 0)))
        images.append(SourceImage(reference, size if min(size) > 0 else None, place))
        for number, shape in enumerate(element, start=1):
            where = f"{place}, shape {number}"
            try:
                mark = _mark(shape, reference, size, where, findings)
            except (KeyError, ValueError) as error:
                findings.skip(f"shapes <{shape.tag}> that cannot be read", f"{where}: {error}")
                continue
            if mark is not None:
                marks.append(mark)
    categories = tuple(Category(i, name) for i, name in enumerate(dict.fromkeys(names), start=1))
    return Source(tuple(images), categories, tuple(marks))


def _mark(
    shape: ElementTree.Element,
    reference: str,
    size: tuple[int, int],
    where: str,
    findings: Findings,
) -> Mark | None:
    if shape.tag in _NOT_TAKEN:
        findings.skip(f"shapes <{shape.tag}>", where)
        return None
    geometry = _geometry(shape, size, where, findings)
    if geometry is None:
        findings.skip(f"unknown shapes <{shape.tag}>", where)
        return None
    for attribute in shape.iter("attribute"):
        findings.note(f"attributes {attribute.get('name')!r}, which clicks do not hold", where)
    group = shape.get("group_id", "0")
    return Mark(
        where, reference, shape.attrib["label"], group=None if group == "0" else group, **geometry
    )


def _geometry(
    shape: ElementTree.Element, size: tuple[int, int], where: str, findings: Findings
) -> dict[str, Any] | None:
    match shape.tag:
        case "points":
            points = _points(shape)
            if len(points) > 1:
                findings.note("shapes of several points, taken for one object", where)
            return {"points": points}
        case "polygon":
            return {"polygons": (_points(shape),)}
        case "box":
            x1, y1, x2, y2 = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
            degrees = float(shape.get("rotation", 0))
            if degrees:
                findings.note("turned boxes, replaced by the upright box round them", where)
            centre = ((x1 + x2) / 2, (y1 + y2) / 2)
            corners = rotated_rectangle((x1, y1), x2 - x1, y2 - y1, degrees, centre)
            return {"box": bounding_box(corners)}
        case "ellipse":
            x, y, rx, ry = _numbers(shape, "cx", "cy", "rx", "ry")
            return {"polygons": (ellipse((x, y), (rx, ry), float(shape.get("rotation", 0))),)}
        case "mask":
            return {"mask": _mask(shape, size)}
    return None


def _numbers(shape: ElementTree.Element, *names: str) -> tuple[float, ...]:
    return tuple(float(shape.attrib[name]) for name in names)


def _points(shape: ElementTree.Element) -> tuple[Point, ...]:
    pairs = (pair.split(",") for pair in shape.attrib["points"].split(";"))
    return tuple((float(x), float(y)) for x, y in pairs)


def _mask(shape: ElementTree.Element, size: tuple[int, int]) -> RLE:
    """Decode run lengths that go row by row inside the mask's box, background first."""
    left, top, width, height = (int(v) for v in _numbers(shape, "left", "top", "width", "height"))
    lengths = np.array([int(length) for length in shape.attrib["rle"].split(",")])
    flat = np.repeat(np.arange(len(lengths)) % 2, lengths)
    if flat.size != width * height:
        raise ValueError(f"expected run lengths of {width * height} pixels, found {flat.size}")
    return place_mask(flat.reshape(height, width), (left, top), size)
