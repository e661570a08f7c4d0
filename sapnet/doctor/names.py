"""Checks of names: duplicate or unused categories, missing or problematic files."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from sapnet.data.image_files.listing import readable_suffixes
from sapnet.doctor.finding import Finding
from sapnet.structures.clicks import Category, ImageRecord

FEW_OBJECTS = 10
"""Number of objects below which a category can hardly be learned from clicks."""


def check_categories(
    categories: Sequence[Category], num_objects: Counter[int]
) -> Iterator[Finding]:
    """Check the categories.

    Args:
        categories: categories of the data set.
        num_objects: number of objects by category id.
    """
    by_name: dict[str, list[Category]] = defaultdict(list)
    for category in categories:
        by_name[category.name.strip().casefold()].append(category)
        yield from _check_count(category, num_objects[category.category_id])
    for name, members in by_name.items():
        ids = ", ".join(str(category.category_id) for category in members)
        if not name:
            yield Finding(
                "warning", "category without a name", "give it a name.", f"category {ids}"
            )
        elif len(members) > 1:
            names = ", ".join(repr(category.name) for category in members)
            message = f"the categories {ids} are all named alike ({names}). Make them one."
            yield Finding("warning", "category listed twice", message, f"category {ids}")


def _check_count(category: Category, count: int) -> Iterator[Finding]:
    place = f"category {category.category_id} ({category.name})"
    if count == 0:
        message = "no object has it: nothing will be learned of it. Drop it, or click objects."
        yield Finding("warning", "category without objects", message, place)
    elif count < FEW_OBJECTS:
        objects = "object" if count == 1 else "objects"
        message = f"only {count} {objects}: few to learn from. Click more of them."
        yield Finding("note", "few objects", message, place)


def check_file_names(images: Sequence[ImageRecord]) -> Iterator[Finding]:
    """Find duplicate file names, and names that may fail on other machines."""
    by_name: dict[str, list[ImageRecord]] = defaultdict(list)
    for image in images:
        by_name[unicodedata.normalize("NFC", image.file_name).casefold()].append(image)
        if not image.file_name.isascii():
            yield Finding(
                "note",
                "non-ASCII file name",
                "fine here; other tools and file systems may stumble over it.",
                place=f"image {image.image_id} ({image.file_name})",
                image_id=image.image_id,
            )
    for members in by_name.values():
        if len(members) > 1:
            yield _shared_name(members)


def _shared_name(members: Sequence[ImageRecord]) -> Finding:
    ids = ", ".join(str(image.image_id) for image in members)
    is_same = len({image.file_name for image in members}) == 1
    message = (
        f"the images {ids} are one file: each is trained on as if the objects of the others were "
        "background. List it once."
        if is_same
        else f"the file names of the images {ids} differ in letter case or accents only: they are "
        "one file on Windows and macOS. Rename them."
    )
    return Finding(
        "warning" if is_same else "note",
        "image listed twice" if is_same else "file names nearly equal",
        message,
        place=f"image {members[-1].image_id} ({members[-1].file_name})",
        image_id=members[-1].image_id,
    )


class Folder:
    """The files of a folder of images; suggests what a missing name may stand for.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = [
            path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file()
        ]
        self._by_key: dict[str, str] = {}
        self._by_last: dict[str, str] = {}
        for name in self.files:
            self._by_key.setdefault(_key(name), name)
            self._by_last.setdefault(_key(name).rsplit("/", 1)[-1], name)

    def unlisted(self, images: Sequence[ImageRecord]) -> list[str]:
        """Return the image files that are not listed."""
        listed = {(self.root / image.file_name).as_posix() for image in images}
        return [
            name
            for name in self.files
            if Path(name).suffix.lower() in readable_suffixes()
            and (self.root / name).as_posix() not in listed
        ]

    def missing(self, image: ImageRecord) -> Finding:
        """Return the finding on a missing image, with a suggestion of what may be meant."""
        key = _key(image.file_name)
        near = self._by_key.get(key)
        elsewhere = self._by_last.get(key.rsplit("/", 1)[-1])
        kind = "image missing"
        if near is not None:
            kind = "file name differs"
            hint = f"There is {near!r}: letter case, accents or slashes differ. Rename one of them."
        elif elsewhere is not None:
            hint = f"There is {elsewhere!r}: names are relative to the folder of --images."
        elif "://" in image.file_name:
            hint = "It is an address: download the image, and name the file."
        else:
            hint = "Name the folder that the file names are relative to, or drop the image."
        return Finding(
            "error",
            kind,
            f"expected the file {self.root / image.file_name}, found none. {hint}",
            place=f"image {image.image_id} ({image.file_name})",
            image_id=image.image_id,
        )


def _key(name: str) -> str:
    """Return a key that is equal for names that differ in case, form of accents, or slashes."""
    return unicodedata.normalize("NFC", name).casefold().replace("\\", "/").removeprefix("./")
