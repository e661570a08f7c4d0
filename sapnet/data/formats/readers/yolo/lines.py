"""Lines of YOLO label files as boxes, outlines, poses and turned boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sapnet.data.formats.fields import parse_number, parse_whole
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.shapes import bounding_box
from sapnet.geometry.rle import encode_masks
from sapnet.structures.clicks import RLE

FourCorners = Literal["auto", "box", "outline"]
"""Meaning of lines with four corners: turned boxes if there are only such lines (YOLO-OBB), turned
boxes, or outlines."""

_BOX_VALUES = 4
_CORNER_VALUES = (8, 9)  # four corners; the ninth is a score
_MIN_POLYGON_VALUES = 6
_MAX_CLASS = 1_000_000
_LOW, _HIGH = -1.0, 2.0  # shares of the image's size; a keypoint's flag is 2 at most


@dataclass(frozen=True)
class Line:
    """A line of a label file: the class, and numbers that follow it."""

    label: int
    values: tuple[float, ...]
    where: str


def parse_line(text: str, where: str, findings: Findings) -> Line | None:
    """Return the class and the numbers of a line; None if it is empty or none."""
    words = text.split()
    if not words:
        return None
    try:
        label = parse_whole(words[0], 0, _MAX_CLASS)
        values = tuple(map(parse_number, words[1:]))
    except ValueError:
        values = ()
    if not values:
        findings.skip("lines that are not a class and numbers", where)
        return None
    if not all(_LOW <= value <= _HIGH for value in values):
        wrong = next(value for value in values if not _LOW <= value <= _HIGH)
        what = f"{where}: expected shares from 0 to 1, found {wrong:g}"
        findings.skip("lines whose coordinates are no shares of the image's size", what)
        return None
    return Line(label, values, where)


def are_turned_boxes(lines: list[Line], four_corners: FourCorners) -> bool:
    """Return True if lines of four corners are turned boxes.

    Args:
        lines: all lines of a data set.
        four_corners: the user's choice. "auto" finds turned boxes where every line has four
            corners: outlines of objects hardly ever do.
    """
    if four_corners != "auto":
        return four_corners == "box"
    return bool(lines) and all(len(line.values) in _CORNER_VALUES for line in lines)


def line_geometry(
    line: Line,
    size: tuple[int, int],
    keypoints: tuple[int, int],
    findings: Findings,
    *,
    turned_boxes: bool,
) -> dict[str, Any] | None:
    """Convert a line to fields of a mark.

    Args:
        line: the line.
        size: (height, width) of the image in pixels.
        keypoints: number of keypoints and values of each; (0, 0) for none.
        findings: collects lines that are neither.
        turned_boxes: True if four corners are a turned box.

    Returns:
        `box`, `box` and `points`, or `mask`; None if it is none of these.
    """
    values = list(line.values)
    count, keypoint_width = keypoints
    if count and len(values) == _BOX_VALUES + count * keypoint_width:
        points = _keypoints(values[_BOX_VALUES:], keypoint_width, size)
        return {"box": _box(values, size), "points": points}
    if len(values) in (_BOX_VALUES, _BOX_VALUES + 1):  # the fifth is a score
        return {"box": _box(values, size)}
    if turned_boxes and len(values) in _CORNER_VALUES:
        findings.note(
            "lines of four corners, read as turned boxes (YOLO-OBB) and replaced by the upright "
            "box round them; --four-corners outline takes them for outlines",
            line.where,
        )
        return {"box": _upright(values[: _CORNER_VALUES[0]], size)}
    if len(values) < _MIN_POLYGON_VALUES or len(values) % 2:
        findings.skip("lines that are no box and no outline", line.where)
        return None
    return {"mask": fill_outline(np.array(values).reshape(-1, 2), size)}


def _box(values: list[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    (height, width), (x, y, w, h) = size, values[:_BOX_VALUES]
    return (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height


def _upright(values: list[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    height, width = size
    corners = np.array(values).reshape(-1, 2) * (width, height)
    return bounding_box([(x, y) for x, y in corners.tolist()])


def _keypoints(
    values: list[float], keypoint_width: int, size: tuple[int, int]
) -> tuple[tuple[float, float], ...]:
    """Return the labelled keypoints; (0, 0) and visibility 0 mean not labelled."""
    height, width = size
    triples = [values[i : i + keypoint_width] for i in range(0, len(values), keypoint_width)]
    return tuple(
        (x * width, y * height) for x, y, *seen in triples if (x or y) and (not seen or seen[0])
    )


def fill_outline(outline: np.ndarray, size: tuple[int, int]) -> RLE:
    """Fill a YOLO outline in the way of ultralytics.

    Args:
        outline: (V, 2) x, y as shares of the width and height.
        size: (height, width) of the image.

    Returns:
        Run lengths of the image's size.
    """
    import cv2

    height, width = size
    corners = (outline.astype(np.float32) * np.array([width, height], np.float32)).astype(np.int32)
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [corners], 1)
    return encode_masks(mask[None])[0]
