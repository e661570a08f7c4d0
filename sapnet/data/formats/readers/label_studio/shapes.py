"""Shapes of Label Studio's regions, in pixels.

Coordinates are percentages of the image size. `image_rotation` is how the editor showed the image.
Regions are nevertheless stored in the frame of the unturned image (the editor turns its stage, not
the regions), so nothing is turned here. A shape's own `rotation` turns it clockwise around its
stored corner.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image

from sapnet.data.formats.brush_rle import decode_brush
from sapnet.data.formats.fields import Fields
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.points import Point
from sapnet.data.formats.shapes import bounding_box, ellipse, rotated_rectangle
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE

_CURVE_STEPS = 16
"""Straight pieces of a Bezier curve; of a quarter circle, they miss 0.1 % of its radius."""

_HALF_CURVE = 0.3
"""Share of a piece's length at which the editor puts the control point of a straight end."""

_OPAQUE = 255


def region_shape(
    value: Fields, kind: str | None, size: tuple[int, int], findings: Findings
) -> dict[str, Any] | None:
    """Convert the value of a region to fields of a mark.

    Args:
        value: the region's `value`.
        kind: the region's `type`, such as "rectanglelabels", if it has one.
        size: (height, width) of the image in pixels.
        findings: collects what is changed.

    Returns:
        One of `points`, `box`, `polygons`, `mask`; None if the shape is not known, or an open line.

    Raises:
        RecordError: the shape is malformed.
    """
    if "imageDataURL" in value.content:
        return {"mask": _bitmask(value, size)}
    if "rle" in value.content:
        return {"mask": _brush(value, size)}
    if "vertices" in value.content:
        corners = _vector(value)
        return None if corners is None else {"polygons": (_pixels(corners, size),)}
    if "points" in value.content:
        return {"polygons": (_pixels(value.points("points"), size),)}
    return _plain_shape(value, kind or "", size, findings)


def _plain_shape(
    value: Fields, kind: str, size: tuple[int, int], findings: Findings
) -> dict[str, Any] | None:
    """Convert an ellipse, a box or a keypoint."""
    keys = value.content.keys()
    if not {"x", "y"} <= keys:
        return None
    corner = value.number("x"), value.number("y")
    rotation = value.number("rotation", 0.0)
    if "ellipselabels" in keys or kind.startswith("ellipse") or "radiusX" in keys:
        radii = value.number("radiusX"), value.number("radiusY")
        centre, scaled = _pixels([corner, radii], size)
        return {"polygons": (ellipse(centre, scaled, rotation),)}
    # A keypoint has a width, too: that of its dot, but no height.
    if "rectanglelabels" in keys or kind.startswith("rectangle") or {"width", "height"} <= keys:
        sides = value.number("width"), value.number("height")
        corner, (width, height) = _pixels([corner, sides], size)
        if rotation:
            findings.note("turned boxes, replaced by the upright box round them", value.where)
        return {"box": bounding_box(rotated_rectangle(corner, width, height, rotation, corner))}
    return {"points": _pixels([corner], size)}


def _pixels(points: Iterable[Point], size: tuple[int, int]) -> tuple[Point, ...]:
    """Convert per cent of the image's (height, width) to pixels."""
    height, width = size
    return tuple((x * width / 100, y * height / 100) for x, y in points)


def _brush(value: Fields, size: tuple[int, int]) -> RLE:
    try:
        mask = decode_brush(value.entries("rle"), *size)
    except ValueError as error:
        raise value.problem("rle", f"a brush ({error})") from error
    return encode_masks(mask[None])[0]


def _bitmask(value: Fields, size: tuple[int, int]) -> RLE:
    """Return the mask of a png that is transparent where the mask is not."""
    height, width = size
    expected = f"a data URL of a png of {width} x {height} px with transparency"
    address = value.content["imageDataURL"]
    if not isinstance(address, str):
        raise value.problem("imageDataURL", expected)
    header, _, text = address.partition(",")
    try:
        if not header.startswith("data:image/"):
            raise ValueError("no data URL")
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
            if image.size != (width, height):
                raise ValueError(f"{image.width} x {image.height} px")
            pixels = np.asarray(image.convert("RGBA"))
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise value.problem("imageDataURL", f"{expected} ({error})") from error
    if (pixels[..., 3] == _OPAQUE).all() and pixels[..., :3].any():
        raise value.problem("imageDataURL", f"{expected}; this one is opaque")
    return encode_masks((pixels[..., 3] != 0)[None])[0]


def _vector(value: Fields) -> list[Point] | None:
    """Return the corners of a closed vector in per cent, curves as lines, else None."""
    if not value.content.get("closed"):
        return None
    vertices = value.records("vertices", "vertex")
    names = [vertex.content.get("id") for vertex in vertices]
    for vertex, before in zip(vertices[1:], names, strict=False):
        if vertex.has("prevPointId") and vertex.content["prevPointId"] != before:
            raise vertex.problem("prevPointId", "the vertex before it: one line without branches")
    corners: list[Point] = []
    for start, end in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        corners += _edge(start, end)
    return corners


def _edge(start: Fields, end: Fields) -> list[Point]:
    """Return the points of an edge between two vertices, its end left out."""
    first, last = _point(start), _point(end)
    leaving, arriving = _control(start, "controlPoint2"), _control(end, "controlPoint1")
    if leaving is None and arriving is None:
        return [first]
    step = _HALF_CURVE * (np.array(last) - first)
    a, d = np.array(first), np.array(last)
    b = a + step if leaving is None else np.array(leaving)
    c = d - step if arriving is None else np.array(arriving)
    t = np.arange(_CURVE_STEPS)[:, None] / _CURVE_STEPS
    curve = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    return [(x, y) for x, y in curve.tolist()]


def _point(record: Fields) -> Point:
    return record.number("x"), record.number("y")


def _control(vertex: Fields, key: str) -> Point | None:
    if not vertex.content.get("isBezier") or not vertex.has(key):
        return None
    return _point(vertex.inner(key))
