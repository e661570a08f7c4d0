"""Reader of LabelMe's and X-AnyLabeling's json, one file per image."""

from __future__ import annotations

import base64
import binascii
import io
import math
import posixpath
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Point
from sapnet.data.formats.shapes import bounding_box, ellipse
from sapnet.data.formats.signs import is_labelme
from sapnet.geometry.placing import place_mask
from sapnet.structures.clicks import RLE
from sapnet.system.files import read_json
from sapnet.system.outside import is_bounded, is_text, shown

Json = Any

_NO_OBJECTS = ("_background_",)
"""Labels by which LabelMe's own scripts mark what is no object; `__ignore__` is a region to ignore.
"""

_MAX_SIDE = 2**24  # pixels; far beyond any image


@dataclass(frozen=True)
class _File:
    """A json file: the reference and the size of its image, and the place in messages."""

    place: str
    reference: str
    size: tuple[int, int] | None


def read_labelme(path: Path, findings: Findings, default_label: str | None = None) -> Source:
    """Read a LabelMe or X-AnyLabeling json file, or all such files of a folder.

    Shapes of one file with the same `group_id` and label are one object. The points of a shape of
    type `points` are clicks of one object; those with the label 0 lie beside it.

    Args:
        path: a json file, or a folder, searched with its sub-folders.
        findings: collects what is lost: lines, other json files.
        default_label: category of shapes without a label; None leaves them out.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is not json, or none is LabelMe's.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    root = path if path.is_dir() else path.parent
    images, marks = [], []
    for file in files:
        content = read_json(file)
        place = file.relative_to(root).as_posix()
        if not is_labelme(content):
            findings.skip("json files that are not LabelMe's", place)
            continue
        found = _read_file(content, file, root)
        images.append(SourceImage(found.reference, found.size, place))
        for index, shape in enumerate(content["shapes"]):
            mark = _mark(shape, found, index, findings, default_label)
            if mark is not None:
                marks.append(mark)
    if not images:
        raise ValueError(f"{path}: expected LabelMe json files, found none. Check the folder.")
    return Source(tuple(images), (), tuple(marks))


def _read_file(content: dict[str, Json], file: Path, root: Path) -> _File:
    name, shapes = content["imagePath"], content["shapes"]
    if not is_text(name):
        raise ValueError(f"{file}: expected 'imagePath' as text, found {shown(name)}. Correct it.")
    if not isinstance(shapes, list):
        raise ValueError(
            f"{file}: expected 'shapes' as a list, found {shown(shapes)}. Export it again."
        )
    folder = file.parent.relative_to(root).as_posix()
    image_path = PureWindowsPath(name).as_posix()
    reference = posixpath.normpath(posixpath.join(folder, image_path))
    height, width = (_side(content.get(key)) for key in ("imageHeight", "imageWidth"))
    size = None if height is None or width is None else (height, width)
    return _File(file.relative_to(root).as_posix(), reference, size)


def _side(value: Json) -> int | None:
    return value if type(value) is int and 0 < value < _MAX_SIDE else None


def _mark(
    shape: Json, file: _File, index: int, findings: Findings, default_label: str | None
) -> Mark | None:
    where = f"{file.place}, shape {index}"
    try:
        mark = _read_shape(shape, file, where, findings)
    except ValueError as error:
        findings.skip("shapes that cannot be read", f"{where}: {error}")
        return None
    if mark is not None and not mark.category:
        if default_label is None:
            findings.skip("shapes without a label; see --default-label", where)
            return None
        mark = replace(mark, category=default_label)
    if mark is not None and mark.category in _NO_OBJECTS:
        findings.note(f"regions labelled {mark.category!r}, which are no objects", where)
        return None
    if mark is not None and shape.get("difficult") is True:  # X-AnyLabeling's
        mark = replace(mark, ignored=True)
    return mark


def _read_shape(shape: Json, file: _File, where: str, findings: Findings) -> Mark | None:
    """Return the mark of a shape; None for lines and others that have no area and no point.

    Raises:
        ValueError: the shape is malformed; the message names the key.
    """
    if not isinstance(shape, dict):
        raise ValueError(f"expected an object, found {shown(shape)}")
    label = shape.get("label")
    if label not in (None, "") and not is_text(label):
        raise ValueError(f"expected 'label' as text, found {shown(label)}")
    group = shape.get("group_id")
    if not isinstance(group, int | str | None):
        raise ValueError(f"expected 'group_id' as a number or text, found {shown(group)}")
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape)
    geometry = _geometry(str(kind), points, shape, file.size)
    if geometry is None:
        findings.skip(f"shapes of type {shown(kind)}", where)
        return None
    if kind in ("rotation", "oriented_rectangle"):
        findings.note("turned boxes, replaced by the upright box round them", where)
    if kind == "points":
        findings.note("shapes of type 'points', read as clicks of one object", where)
    for key in ("attributes", "flags"):
        held = shape.get(key)
        for name in held if isinstance(held, dict) else ():
            findings.note(f"attributes {name!r}, which clicks do not hold", where)
    return Mark(where, file.reference, (label or "").strip(), group=group, **geometry)


def _points(shape: dict[str, Json]) -> list[Point]:
    values = shape.get("points")
    if not isinstance(values, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(map(is_bounded, pair)) for pair in values
    ):
        raise ValueError(f"expected 'points' as [[x, y], ...], found {shown(values)}")
    return [(float(x), float(y)) for x, y in values]


def _geometry(
    kind: str, points: list[Point], shape: dict[str, Json], size: tuple[int, int] | None
) -> dict[str, Any] | None:
    match kind:
        case "point":
            return {"points": tuple(points)}
        case "points":
            return _labelled_points(points, shape.get("point_labels"))
        case "rectangle" | "rotation" | "oriented_rectangle" if len(points) >= 2:
            return {"box": bounding_box(points)}
        case "polygon" | "quadrilateral":
            return {"polygons": (tuple(points),)}
        case "circle" if len(points) == 2:
            radius = math.dist(*points)
            return {"polygons": (ellipse(points[0], (radius, radius)),)}
        case "mask" if len(points) == 2:
            return {"mask": _mask(shape, points[0], size)}
        case "rectangle" | "rotation" | "oriented_rectangle" | "circle" | "mask":
            raise ValueError(f"expected two 'points' for a {kind}, found {len(points)}")
    return None


def _labelled_points(points: list[Point], labels: Json) -> dict[str, Any]:
    """Return the points on the object, and those with the label 0, beside it."""
    if labels is None:
        return {"points": tuple(points)}
    if not isinstance(labels, list) or len(labels) != len(points):
        raise ValueError(
            f"expected 'point_labels' with a number for each of {len(points)} points, found "
            f"{shown(labels)}"
        )
    sides = [[p for p, label in zip(points, labels, strict=True) if bool(label) == on_it]
             for on_it in (True, False)]  # fmt: skip
    return {"points": tuple(sides[0]), "negative_points": tuple(sides[1])}


def _mask(shape: dict[str, Json], corner: Point, size: tuple[int, int] | None) -> RLE:
    """Return the mask of a shape, which stores a png of the mask inside its box.

    The corners of the box are pixel numbers; the last pixel is included.
    """
    if size is None:
        raise ValueError("expected 'imageHeight' and 'imageWidth' beside a mask, found none")
    text = shape.get("mask")
    if not isinstance(text, str):
        raise ValueError(f"expected 'mask' as base64 text, found {shown(text)}")
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
            crop = np.asarray(image.convert("L") if image.mode not in ("1", "L", "P") else image)
    except (binascii.Error, OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"expected 'mask' as a png in base64, which it is not ({error})"
        ) from error
    return place_mask(crop, (int(corner[0]), int(corner[1])), size)
