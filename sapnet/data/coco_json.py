"""The common part of all COCO-style files: images, categories and annotations.

Everything is checked once, when the file is read. A message names the file, the object and its
image, what was expected, what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sapnet.data.coco_file import (
    SECTIONS,
    CocoFile,
    Record,
    read_annotation,
    read_category,
    read_each,
    read_image,
    read_object,
    section_entries,
)
from sapnet.data.problems import RecordError, Report, raise_first
from sapnet.structures.clicks import Category, ImageRecord

Thing = TypeVar("Thing")


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
        further={key: value for key, value in content.items() if key not in SECTIONS},
    )
    kept = tuple(a for a in coco.annotations if _has_references(coco, a, categories, report))
    return replace(coco, annotations=kept)


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
    images: Iterable[ImageRecord], categories: Iterable[Category]
) -> dict[str, list[Record]]:
    """Return the sections `images` and `categories` of a COCO-style file."""
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
