"""Reader of LabelMe's and X-AnyLabeling's json, one file per image."""

from __future__ import annotations

import base64
import binascii
import io
import math
import posixpath
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

Json = Any


def read_labelme(path: Path, findings: Findings) -> Source:
    """Read a LabelMe or X-AnyLabeling json file, or all such files of a folder.

    Shapes of one file with the same `group_id` and label are one object.

    Args:
        path: a json file, or a folder, searched with its sub-folders.
        findings: collects what is lost: lines, other json files.

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
        image_path = PureWindowsPath(str(content["imagePath"])).as_posix()
        folder = file.parent.relative_to(root).as_posix()
        reference = posixpath.normpath(posixpath.join(folder, image_path))
        size = (content.get("imageHeight"), content.get("imageWidth"))
        is_listed = all(isinstance(side, int) and side > 0 for side in size)
        images.append(SourceImage(reference, size if is_listed else None, place))
        for index, shape in enumerate(content["shapes"]):
            where = f"{place}, shape {index}"
            try:
                mark = _mark(shape, reference, size if is_listed else None, where, findings)
            except (KeyError, TypeError, ValueError, OSError) as error:
                findings.skip("shapes that cannot be read", f"{where}: {error!r}")
                continue
            if mark is not None:
                marks.append(mark)
    if not images:
        raise ValueError(f"{path}: expected LabelMe json files, found none. Check the folder.")
    return Source(tuple(images), (), tuple(marks))


def _mark(
    shape: Json, reference: str, size: tuple[int, int] | None, where: str, findings: Findings
) -> Mark | None:
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    geometry = _mask_geometry(shape, points, size) if kind == "mask" else _geometry(kind, points)
    if geometry is None:
        findings.skip(f"shapes of type {kind!r}", where)
        return None
    if kind in ("rotation", "oriented_rectangle"):
        findings.note("turned boxes, replaced by the upright box round them", where)
    for name in [*(shape.get("attributes") or {}), *(shape.get("flags") or {})]:
        findings.note(f"attributes {name!r}, which clicks do not hold", where)
    return Mark(where, reference, str(shape["label"]), group=shape.get("group_id"), **geometry)


def _geometry(kind: str, points: list[Point]) -> dict[str, Any] | None:
    match kind:
        case "point":
            return {"points": tuple(points)}
        case "rectangle" | "rotation" | "oriented_rectangle":
            return {"box": bounding_box(points)}
        case "polygon" | "quadrilateral":
            return {"polygons": (tuple(points),)}
        case "circle":
            centre, border = points
            radius = math.dist(centre, border)
            return {"polygons": (ellipse(centre, (radius, radius)),)}
    return None


def _mask_geometry(
    shape: Json, points: list[Point], size: tuple[int, int] | None
) -> dict[str, RLE]:
    """Return the mask of a shape, which stores a png of the mask inside its box.

    The corners of the box are pixel numbers; the last pixel is included.
    """
    if size is None:
        raise ValueError("a mask needs imageHeight and imageWidth")
    try:
        png = base64.b64decode(shape["mask"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"mask is no base64 text ({error})") from error
    with Image.open(io.BytesIO(png)) as image:
        crop = np.asarray(image)
    (left, top), _ = points
    return {"mask": place_mask(crop, (int(left), int(top)), size)}
