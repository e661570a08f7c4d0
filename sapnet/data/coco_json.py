"""The frame that all COCO-style files share: images, categories, annotations that refer to them.

Everything is checked once, here at the border. A message names the file, the object and its image,
what was expected, what was found and what to do.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sapnet.structures import Category, ImageRecord

Record = dict[str, Any]
"""One entry of the json, its values not yet checked."""


@dataclass(frozen=True)
class CocoFile:
    """The checked frame of a COCO-style file.

    Attributes:
        path: where it was read from; named by every message.
        images: in file order.
        categories: by category id, ascending; a category's place is its label.
        annotations: as they are in the file; `id`, `image_id` and `category_id` are checked.
        image_of_id: the images by their id.
        further: the file's other keys, not checked.
    """

    path: Path
    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    annotations: tuple[Record, ...]
    image_of_id: dict[int, ImageRecord] = field(repr=False)
    further: Record = field(default_factory=dict, repr=False)

    def problem(self, annotation: Record, message: str) -> ValueError:
        """The error for one annotation, to be raised by the caller."""
        return ValueError(
            f"{self.path}, object {annotation['id']} (image {annotation['image_id']}): {message}"
        )


def read_coco(path: Path | str) -> CocoFile:
    """Reads the frame of a COCO-style file and checks it.

    Args:
        path: a json file with `images`, `categories` and `annotations`.

    Returns:
        Its images, categories and raw annotations.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not json, a key is missing, an id occurs twice, or an annotation names
            an unknown image or category.
    """
    path = Path(path)
    content = _read_json(path)
    images = tuple(_image(path, record) for record in _section(path, content, "images"))
    categories = tuple(_category(path, record) for record in _section(path, content, "categories"))
    annotations = tuple(_section(path, content, "annotations"))
    _check_unique(path, "image", (image.image_id for image in images))
    _check_unique(path, "category", (category.category_id for category in categories))
    _check_unique(path, "annotation", (_integer(path, "annotations", a, "id") for a in annotations))
    image_of_id = {image.image_id: image for image in images}
    ordered = tuple(sorted(categories, key=lambda category: category.category_id))
    sections = ("images", "categories", "annotations")
    further = {key: value for key, value in content.items() if key not in sections}
    coco = CocoFile(path, images, ordered, annotations, image_of_id, further)
    _check_references(coco)
    return coco


def label_of_category(categories: Iterable[Category]) -> dict[int, int]:
    """Labels of category ids.

    Args:
        categories: in any order.

    Returns:
        Category id to label 0..C-1, by ascending category id.
    """
    ids = sorted(category.category_id for category in categories)
    return {category_id: label for label, category_id in enumerate(ids)}


def frame_records(
    images: Iterable[ImageRecord], categories: Iterable[Category]
) -> dict[str, list[Record]]:
    """The sections `images` and `categories` of a COCO-style file."""
    return {
        "images": [
            {
                "id": image.image_id,
                "file_name": image.file_name,
                "width": image.width,
                "height": image.height,
            }
            for image in images
        ],
        "categories": [
            {"id": category.category_id, "name": category.name} for category in categories
        ],
    }


def is_number(value: object) -> bool:
    """Whether a json value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def numbers(coco: CocoFile, annotation: Record, key: str, count: int) -> tuple[float, ...]:
    """A list of finite numbers of an annotation.

    Args:
        coco: the file, for the message.
        annotation: the annotation.
        key: the list's key; it must be there.
        count: how many numbers it must hold.

    Returns:
        The numbers.

    Raises:
        ValueError: if it is not such a list.
    """
    value = annotation[key]
    if not (isinstance(value, list) and len(value) == count and all(map(is_number, value))):
        raise coco.problem(
            annotation,
            f"expected '{key}' as {count} finite numbers, found {str(value)[:60]}. "
            "Correct the object, or drop it.",
        )
    return tuple(float(entry) for entry in value)


def _read_json(path: Path) -> Record:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Name a COCO-style json file.")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: expected json, but it cannot be parsed ({error}). Export the file again."
        ) from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}: expected an object with the keys 'images', 'categories' and 'annotations', "
            f"found a {type(content).__name__}. Export the file in COCO format."
        )
    return content


def _section(path: Path, content: Record, key: str) -> list[Record]:
    section = content.get(key)
    if not isinstance(section, list) or not all(isinstance(record, dict) for record in section):
        found = "no such key" if key not in content else f"{str(section)[:60]}"
        raise ValueError(
            f"{path}: expected '{key}' as a list of objects, found {found}. "
            "Export the file in COCO format."
        )
    return section


def _value(path: Path, section: str, record: Record, key: str) -> Any:  # noqa: ANN401  # json
    if key not in record:
        raise ValueError(
            f"{path}, {section}: expected the key '{key}' in every entry, but "
            f"{str(record)[:80]} has none. Add it."
        )
    return record[key]


def _integer(path: Path, section: str, record: Record, key: str) -> int:
    value = _value(path, section, record, key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(
            f"{path}, {section}: expected '{key}' as an integer, found {value!r} in "
            f"{str(record)[:80]}. Write ids and sizes as integers."
        )
    return value


def _image(path: Path, record: Record) -> ImageRecord:
    image = ImageRecord(
        image_id=_integer(path, "images", record, "id"),
        file_name=str(_value(path, "images", record, "file_name")),
        width=_integer(path, "images", record, "width"),
        height=_integer(path, "images", record, "height"),
    )
    if image.width < 1 or image.height < 1:
        raise ValueError(
            f"{path}, image {image.image_id}: expected a width and height of at least 1 px, found "
            f"{image.width} x {image.height}. Write the size of the upright image."
        )
    return image


def _category(path: Path, record: Record) -> Category:
    return Category(
        category_id=_integer(path, "categories", record, "id"),
        name=str(_value(path, "categories", record, "name")),
    )


def _check_unique(path: Path, kind: str, ids: Iterable[int]) -> None:
    seen: set[int] = set()
    for entry in ids:
        if entry in seen:
            raise ValueError(
                f"{path}: expected every {kind} id once, but {entry} occurs twice. "
                f"Give each {kind} its own id."
            )
        seen.add(entry)


def _check_references(coco: CocoFile) -> None:
    category_ids = {category.category_id for category in coco.categories}
    for annotation in coco.annotations:
        image_id = _integer(coco.path, "annotations", annotation, "image_id")
        category_id = _integer(coco.path, "annotations", annotation, "category_id")
        if image_id not in coco.image_of_id:
            raise coco.problem(
                annotation,
                f"expected an image id listed in 'images', found {image_id}. "
                "Add the image, or drop the object.",
            )
        if category_id not in category_ids:
            raise coco.problem(
                annotation,
                f"expected a category id listed in 'categories', found {category_id}. "
                "Add the category, or drop the object.",
            )
