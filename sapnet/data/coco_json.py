"""The common part of all COCO-style files: images, categories and annotations.

Everything is checked once, when the file is read. A message names the file, the object and its
image, what was expected, what was found and what to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from sapnet.data.image_files.address import check_bands
from sapnet.data.problems import RecordError, Report, attempt, raise_first
from sapnet.structures.clicks import Category, Coverage, ImageRecord
from sapnet.system.files import read_json
from sapnet.system.outside import LARGEST_ID, MAX_PIXELS, MAX_SIDE, is_text, shown

Record = dict[str, Any]
"""One entry of the json, with values that are not checked yet."""

INFO_KEY, BANDS_KEY = "info", "bands"
"""Place of the bands in a file: those in which the images were looked at."""

SECTIONS = ("images", "categories", "annotations")

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class CocoFile:
    """A COCO-style file whose images, categories and references are checked.

    Attributes:
        path: the file; every message names it.
        images: the images, in file order.
        categories: the categories by ascending id; a category's position is its label.
        annotations: the annotations as in the file; `id`, `image_id` and `category_id` are checked.
        image_of_id: the images by their id.
        further: the file's other keys, not checked.
        image_records: the images as in the file, by their id.
    """

    path: Path
    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    annotations: tuple[Record, ...]
    image_of_id: dict[int, ImageRecord] = field(repr=False)
    further: Record = field(default_factory=dict, repr=False)
    image_records: Mapping[int, Record] = field(default_factory=dict, repr=False)

    def problem(
        self, annotation: Record, message: str, kind: str = "malformed object"
    ) -> RecordError:
        """Return the error for one annotation, to be raised by the caller."""
        return RecordError(
            self.path,
            message,
            kind=kind,
            place=f"object {annotation['id']} (image {annotation['image_id']})",
            image_id=annotation["image_id"],
            annotation_id=annotation["id"],
        )


def is_number(value: object) -> bool:
    """Return True if a json value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def numbers(coco: CocoFile, annotation: Record, key: str, count: int) -> tuple[float, ...]:
    """Return a list of finite numbers of an annotation.

    Args:
        coco: the file, for the message.
        annotation: the annotation.
        key: the list's key; it must be there.
        count: the required number of entries.

    Returns:
        The numbers.

    Raises:
        ValueError: the value is not such a list.
    """
    value = annotation[key]
    if not (isinstance(value, list) and len(value) == count and all(map(is_number, value))):
        raise coco.problem(
            annotation,
            f"expected '{key}' as {count} finite numbers, found {shown(value)}. "
            "Correct the object, or drop it.",
        )
    return tuple(float(entry) for entry in value)


@dataclass(frozen=True)
class Entry:
    """One record of a section; `number` counts from 1."""

    path: Path
    section: str
    number: int
    record: Record

    def problem(self, message: str, kind: str) -> RecordError:
        """Return the error for this entry, to be raised by the caller."""
        place = f"entry {self.number} of {self.section}"
        return RecordError(self.path, message, kind=kind, place=place)


def read_coco(path: Path | str, report: Report = raise_first) -> CocoFile:
    """Read a COCO-style file, and check its images, categories and references.

    Args:
        path: a json file with `images`, `categories` and `annotations`.
        report: receives each broken rule; unless it raises, the record is left out.

    Returns:
        Its images, categories and raw annotations.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not json, a key is missing, an id occurs twice, or an annotation names an
            unknown image or category.
    """
    path = Path(path)
    content = read_object(path)
    entries = {section: section_entries(path, content, section, report) for section in SECTIONS}
    images = _unique(path, "image", read_each(entries["images"], read_image, report), report)
    categories = _unique(
        path, "category", read_each(entries["categories"], read_category, report), report
    )
    annotations = _unique(
        path, "annotation", read_each(entries["annotations"], read_annotation, report), report
    )
    coco = CocoFile(
        path,
        images=tuple(images.values()),
        categories=tuple(categories[category_id] for category_id in sorted(categories)),
        annotations=tuple(annotations.values()),
        image_of_id=images,
        image_records={
            key: entry.record
            for entry in entries["images"]
            if isinstance(key := entry.record.get("id"), int) and key in images
        },
        further={key: value for key, value in content.items() if key not in SECTIONS},
    )
    kept = tuple(a for a in coco.annotations if _has_references(coco, a, categories, report))
    return replace(coco, annotations=kept)


def read_bands(coco: CocoFile) -> tuple[int, ...]:
    """Return the bands of the images that a file notes, from 1 on; empty without a note.

    They are the `bands` of its `info`; of a label file, of the proposer in it. What is no list
    there is a note of another tool.

    Raises:
        ValueError: they are not the numbers of one band or of three.
    """
    info = coco.further.get(INFO_KEY)
    noted: object = None
    while isinstance(info, dict) and noted is None:
        noted, info = info.get(BANDS_KEY), info.get("proposer")
    if not isinstance(noted, list):
        return ()
    try:
        check_bands(noted if all(type(number) is int for number in noted) else (0,))
    except ValueError:
        raise RecordError(
            coco.path,
            f"expected 'bands' as the numbers of one band or of three, from 1 on, found "
            f"{shown(noted)}. Correct the numbers, or remove the key.",
            kind="malformed bands",
            place=f"key {INFO_KEY}",
        ) from None
    return tuple(noted)


def label_of_category(categories: Iterable[Category]) -> dict[int, int]:
    """Return the label of each category id.

    Args:
        categories: the categories, in any order.

    Returns:
        Category id to label 0..C-1, by ascending category id.
    """
    ids = sorted(category.category_id for category in categories)
    return {category_id: label for label, category_id in enumerate(ids)}


def frame_records(
    images: Iterable[ImageRecord],
    categories: Sequence[Category],
    coverage: Mapping[int, Coverage] | None = None,
) -> dict[str, list[Record]]:
    """Return the sections `images` and `categories` of a COCO-style file.

    Args:
        images: the images.
        categories: the categories.
        coverage: what was annotated, by image id; what is complete or partial is written.
    """
    ids = [category.category_id for category in categories]
    return {
        "images": [
            {
                "id": image.image_id,
                "file_name": image.file_name,
                "width": image.width,
                "height": image.height,
                **(coverage or {}).get(image.image_id, Coverage()).record(ids),
            }
            for image in images
        ],
        "categories": [
            {"id": category.category_id, "name": category.name} for category in categories
        ],
    }


def _unique(
    path: Path, kind: str, pairs: Iterable[tuple[int, Thing]], report: Report
) -> dict[int, Thing]:
    """Return the entries by id; of entries with the same id, the first."""
    found: dict[int, Thing] = {}
    for entry_id, thing in pairs:
        if entry_id in found:
            report(
                RecordError(
                    path,
                    f"expected every {kind} id once, but {entry_id} occurs twice. "
                    f"Give each {kind} its own id.",
                    kind="duplicate id",
                )
            )
        else:
            found[entry_id] = thing
    return found


def _has_references(
    coco: CocoFile, annotation: Record, category_ids: Collection[int], report: Report
) -> bool:
    """Return True if the file lists the image and the category of an annotation."""
    is_known = True
    for name, known in (("image", coco.image_of_id), ("category", category_ids)):
        entry_id = annotation[f"{name}_id"]
        if entry_id not in known:
            is_known = False
            section = "images" if name == "image" else "categories"
            report(
                coco.problem(
                    annotation,
                    f"expected {'an' if name == 'image' else 'a'} {name} id listed in "
                    f"'{section}', found {entry_id}. Add the {name}, or drop the object.",
                    f"unknown {name}",
                )
            )
    return is_known


def read_object(path: Path) -> Record:
    """Return the content of a json file, which must be an object.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not json, or not an object.
    """
    content = read_json(path, "Name a COCO-style json file.")
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: expected an object with the keys 'images', 'categories' and 'annotations', "
            f"found a {type(content).__name__}. Export the file in COCO format."
        )
    return content


def section_entries(path: Path, content: Record, section: str, report: Report) -> list[Entry]:
    """Return the records of a section, which must be a list of objects."""
    records = attempt(report, _section, path, content, section) or []
    return [Entry(path, section, number, record) for number, record in enumerate(records, 1)]


def _section(path: Path, content: Record, key: str) -> list[Record]:
    section = content.get(key)
    if not isinstance(section, list) or not all(isinstance(record, dict) for record in section):
        found = "no such key" if key not in content else f"{shown(section)}"
        raise RecordError(
            path,
            f"expected '{key}' as a list of objects, found {found}. "
            "Export the file in COCO format.",
            kind="missing section",
        )
    return section


def read_each(
    entries: Sequence[Entry], read: Callable[[Entry], tuple[int, Thing]], report: Report
) -> list[tuple[int, Thing]]:
    """Return the id and content of every entry that can be read."""
    found = (attempt(report, read, entry) for entry in entries)
    return [pair for pair in found if pair is not None]


def _value(entry: Entry, key: str) -> Any:  # noqa: ANN401  # json
    if key not in entry.record:
        raise entry.problem(
            f"expected the key '{key}' in every entry, but {shown(entry.record)} has none. Add it.",
            "missing key",
        )
    return entry.record[key]


def _integer(entry: Entry, key: str) -> int:
    value = _value(entry, key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise entry.problem(
            f"expected '{key}' as an integer, found {shown(value)} in "
            f"{shown(entry.record)}. Write ids and sizes as integers.",
            "not an integer",
        )
    if abs(value) > LARGEST_ID:
        raise entry.problem(
            f"expected '{key}' of at most 64 bits, found {shown(value)} in "
            f"{shown(entry.record)}. Number the entries anew.",
            "number too large",
        )
    return value


def _text(entry: Entry, key: str) -> str:
    value = _value(entry, key)
    # Blank names are found by the doctor, and harm nobody else.
    if not isinstance(value, str) or not value or not is_text(value.strip() or "blank"):
        raise entry.problem(
            f"expected '{key}' as text, found {shown(value)} in {shown(entry.record)}. Correct it.",
            "not a text",
        )
    return value


def read_image(entry: Entry) -> tuple[int, ImageRecord]:
    """Return the id and content of an entry of `images`."""
    image = ImageRecord(
        image_id=_integer(entry, "id"),
        file_name=_text(entry, "file_name"),
        width=_integer(entry, "width"),
        height=_integer(entry, "height"),
    )
    sides = (image.width, image.height)
    if min(sides) < 1 or max(sides) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
        raise RecordError(
            entry.path,
            f"expected a width and height of 1 to {MAX_SIDE} px and at most {MAX_PIXELS} pixels, "
            f"found {image.width} x {image.height}. Write the size of the upright image.",
            kind="image without pixels" if min(sides) < 1 else "image too large",
            place=f"image {image.image_id}",
            image_id=image.image_id,
        )
    return image.image_id, image


def read_category(entry: Entry) -> tuple[int, Category]:
    """Return the id and content of an entry of `categories`."""
    category = Category(_integer(entry, "id"), _text(entry, "name"))
    return category.category_id, category


def read_annotation(entry: Entry) -> tuple[int, Record]:
    """Return the id and content of an entry of `annotations`, whose ids must be integers."""
    if "segments_info" in entry.record:
        raise entry.problem(
            "expected one object per entry, found 'segments_info': this is COCO's panoptic json, "
            "whose masks are in png files. Take COCO's instances_*.json of the same images, or "
            "write one with panopticapi's panoptic2detection_coco_format.py --things_only.",
            "panoptic json",
        )
    for key in ("image_id", "category_id"):
        _integer(entry, key)
    return _integer(entry, "id"), entry.record
