"""Reader of Detectron2's list of dictionaries, one per image, saved as json."""

from __future__ import annotations

import math
import posixpath
from dataclasses import replace
from pathlib import Path
from typing import Any

from sapnet.data.coco_json import read_coco
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box, Point
from sapnet.data.formats.readers.coco import CrowdQuestionError, Crowds, crowd_question
from sapnet.data.formats.shapes import bounding_box, rotated_rectangle
from sapnet.geometry.rle import to_rle
from sapnet.structures.clicks import RLE, Category
from sapnet.system.files import read_json
from sapnet.system.outside import MAX_PIXELS, is_bounded, is_text, shown

Json = Any

_MODES = ("XYXY_ABS", "XYWH_ABS", "XYXY_REL", "XYWH_REL", "XYWHA_ABS")
"""Detectron2's `BoxMode`, in the order of its numbers."""

_TURNED = "XYWHA_ABS"  # center, size, and an angle against the clock


def read_detectron2(
    path: Path, findings: Findings, categories: Path | None = None, crowds: Crowds = "ask"
) -> Source:
    """Read a list of Detectron2's dictionaries.

    Args:
        path: the json file. Each dictionary has `file_name`, `height`, `width` and `annotations`.
        findings: collects what is lost or changed.
        categories: COCO-style json that names the categories. Detectron2 numbers them from 0 by
            ascending id; None names them by their number.
        crowds: meaning of `iscrowd: 1`.

    Raises:
        FileNotFoundError: a file is missing.
        CrowdQuestionError: there are crowds and `crowds` is "ask".
        ValueError: the file is no such list, or a category is not named.
    """
    listed = None if categories is None else read_coco(categories).categories
    records = read_json(path)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise ValueError(f"{path}: expected a list of Detectron2's dictionaries. Save it as json.")
    images: dict[str, SourceImage] = {}
    marks = []
    for number, record in enumerate(records):
        place = f"{path.name}, record {number}"
        image = _image(record, path, place)
        if image.reference in images:
            raise ValueError(
                f"{path}, record {number}: expected every file_name once, but "
                f"{image.reference!r} occurs again. "
                "Join the annotations of the image."
            )
        images[image.reference] = image
        entries = record.get("annotations")
        if not isinstance(entries, list):
            raise ValueError(
                f"{path}, record {number}: expected 'annotations' as a list, found "
                f"{shown(entries)}. Correct it, or drop the record."
            )
        for index, entry in enumerate(entries):
            where = f"{place}, annotation {index}"
            if isinstance(entry, dict) and entry.get("iscrowd") and crowds == "ask":
                raise CrowdQuestionError(crowd_question(path, "annotations have", where))
            mark = _mark(entry, image, where, findings)
            if mark is not None:
                is_crowd = crowds == "crowd" and bool(entry.get("iscrowd"))
                marks.append(replace(mark, ignored=is_crowd))
    if listed is None:
        found = _by_number(marks)
        findings.note("category names that the file does not hold; see --categories", path.name)
    else:
        found, marks = _named(marks, listed, path)
    return Source(_with_ids(list(images.values())), found, tuple(marks))


def _image(record: dict[str, Json], path: Path, place: str) -> SourceImage:
    name = record.get("file_name")
    if not is_text(name):
        raise ValueError(
            f"{path}, {place.partition(', ')[2]}: expected 'file_name' as text, found "
            f"{shown(name)}. Correct it, or drop the record."
        )
    height, width = record.get("height"), record.get("width")
    image_id = record.get("image_id")
    image = SourceImage(
        posixpath.normpath(name.replace("\\", "/")),
        None,
        place,
        image_id if type(image_id) is int else None,
    )
    if height is None and width is None:
        return image
    sides = [side for side in (height, width) if type(side) is int and 0 < side <= MAX_PIXELS]
    if len(sides) < 2:
        raise ValueError(
            f"{path}, {place.partition(', ')[2]}: expected 'height' and 'width' in pixels, found "
            f"{shown(height)} and {shown(width)}. Correct them, or drop both and name "
            "the folder of the images with --images."
        )
    return replace(image, size=(sides[0], sides[1]))


def _with_ids(images: list[SourceImage]) -> tuple[SourceImage, ...]:
    """Return the images with their own ids if each has one, else without."""
    ids = {image.image_id for image in images}
    if len(ids) == len(images) and None not in ids:
        return tuple(images)
    return tuple(replace(image, image_id=None) for image in images)


def _mark(entry: Json, image: SourceImage, place: str, findings: Findings) -> Mark | None:
    label = entry.get("category_id") if isinstance(entry, dict) else None
    if not isinstance(label, int) or isinstance(label, bool) or label < 0:
        found = shown(entry)
        findings.skip("objects without a category_id from 0 on", f"{place}: {found}")
        return None
    return Mark(
        place=f"{place} ({image.reference})",
        reference=image.reference,
        category=str(label),
        points=_keypoints(entry.get("keypoints"), place, findings),
        box=_box(entry, image, place, findings),
        mask=_mask(entry.get("segmentation"), image, place, findings),
    )


def _box(entry: dict[str, Json], image: SourceImage, place: str, findings: Findings) -> Box | None:
    values = entry.get("bbox")
    if values is None:
        return None
    mode = _mode(entry.get("bbox_mode"))
    count = 5 if mode == _TURNED else 4
    if mode is None or not (
        isinstance(values, list) and len(values) == count and all(map(is_bounded, values))
    ):
        found = f"{shown(values)} with bbox_mode {shown(entry.get('bbox_mode'))}"
        findings.skip("boxes that cannot be read", f"{place}: {found}")
        return None
    x, y, third, fourth = (float(value) for value in values[:4])
    if mode == _TURNED:
        findings.note("turned boxes, replaced by the upright box round them", place)
        corner = (x - third / 2, y - fourth / 2)
        return bounding_box(rotated_rectangle(corner, third, fourth, -float(values[4]), (x, y)))
    if mode.startswith("XYWH"):
        third, fourth = x + third, y + fourth
    if not mode.endswith("REL"):
        return x, y, third, fourth
    if image.size is None:
        findings.skip("boxes in shares of an image whose size is not listed", place)
        return None
    height, width = image.size
    return x * width, y * height, third * width, fourth * height


def _mode(value: object) -> str | None:
    """Return the name of a `BoxMode`, which json holds as a number or as text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(_MODES):
        return _MODES[value]
    name = value.rpartition(".")[2] if isinstance(value, str) else ""
    return name if name in _MODES else None


def _keypoints(values: Json, place: str, findings: Findings) -> tuple[Point, ...]:
    """Return the labelled keypoints, the most central one first."""
    if not values:
        return ()
    if not (isinstance(values, list) and len(values) % 3 == 0 and all(map(is_bounded, values))):
        findings.skip("keypoints that are not triples of numbers", place)
        return ()
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    points = [(float(x), float(y)) for x, y, visible in triples if visible]
    if not points:
        return ()
    center = tuple(sum(axis) / len(points) for axis in zip(*points, strict=True))
    return tuple(sorted(points, key=lambda point: math.dist(point, center)))


def _mask(value: Json, image: SourceImage, place: str, findings: Findings) -> RLE | None:
    if not value:
        return None
    if image.size is None:
        findings.skip("masks on an image whose size is not listed", place)
        return None
    try:
        return to_rle(value, *image.size)
    except (ValueError, TypeError) as error:
        findings.skip("masks that cannot be read", f"{place}: {error}")
        return None


def _by_number(marks: list[Mark]) -> tuple[Category, ...]:
    numbers = sorted({int(mark.category) for mark in marks})
    return tuple(Category(number, str(number)) for number in numbers)


def _named(
    marks: list[Mark], listed: tuple[Category, ...], path: Path
) -> tuple[tuple[Category, ...], list[Mark]]:
    """Give the marks the names of the categories, which Detectron2 numbers by ascending id."""
    beyond = [mark for mark in marks if int(mark.category) >= len(listed)]
    if beyond:
        raise ValueError(
            f"{path}, {beyond[0].place}: expected a category_id under {len(listed)}, the number of "
            f"categories in the file given with --categories, found {beyond[0].category}. Name the "
            "file that the data set was made from."
        )
    return listed, [replace(mark, category=listed[int(mark.category)].name) for mark in marks]
