"""Reader of Apple's CreateML json for object detection."""

from __future__ import annotations

from pathlib import Path

from sapnet.data.formats.fields import NO_CATEGORY, Fields, brief
from sapnet.data.formats.marks import Findings, Mark, Source, SourceImage
from sapnet.data.formats.points import Box
from sapnet.data.formats.signs import CREATEML_BOXES, CREATEML_IMAGE
from sapnet.data.problems import RecordError
from sapnet.system.files import read_json


def read_createml(path: Path, findings: Findings, default_label: str | None = None) -> Source:
    """Read the boxes of a CreateML file.

    A box is given by its center, width and height in pixels. The file holds no sizes of images.

    Args:
        path: the json file.
        findings: collects boxes that cannot be read.
        default_label: category of boxes without a label.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not CreateML json, or the coordinates are no pixels.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise ValueError(f"{path}: expected a list of images with annotations (CreateML).")
    whole = Fields(path, "", {"images": content})
    images, marks = [], []
    for entry in whole.records("images", "image"):
        image_key = next((key for key in CREATEML_IMAGE if entry.has(key)), CREATEML_IMAGE[0])
        box_key = next((key for key in CREATEML_BOXES if entry.has(key)), CREATEML_BOXES[0])
        reference = entry.text(image_key)
        images.append(SourceImage(reference, None, entry.where))
        for number, record in enumerate(entry.entries(box_key)):
            place = f"{entry.place} ({reference}), annotation {number}"
            where = f"{path.name}, {place}"
            try:
                if not isinstance(record, dict):
                    raise entry.problem(box_key, f"a list of objects (entry {number} is none)")
                annotation = Fields(path, place, record)
                box = _box(annotation.inner("coordinates"))
                label = annotation.text("label", default_label or "")
                if not label:
                    findings.skip("boxes without a label", where)
                    findings.note(NO_CATEGORY, where)
                    continue
            except RecordError as error:
                findings.skip("boxes that cannot be read", f"{where}: {brief(error)}")
                continue
            marks.append(Mark(where, reference, label, box=box))
    _check_pixels(path, marks)
    return Source(tuple(images), (), tuple(marks))


def _box(coordinates: Fields) -> Box:
    x, y = coordinates.number("x"), coordinates.number("y")
    width, height = coordinates.number("width"), coordinates.number("height")
    if width <= 0 or height <= 0:
        raise coordinates.problem("width" if width <= 0 else "height", "a positive number")
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _check_pixels(path: Path, marks: list[Mark]) -> None:
    """Refuse coordinates that are shares of the image's size."""
    boxes = [mark.box for mark in marks if mark.box is not None]
    if boxes and all(max(x2 - x1, y2 - y1) <= 1 for x1, y1, x2, y2 in boxes):
        raise ValueError(
            f"{path}: expected coordinates in pixels, but no box is larger than 1 px: they are "
            "shares of the image's size. Export them in pixels."
        )
