"""The clicks file while it is worked on: one versioned document per image, saved at every change.

A document's version is a digest of what it holds. A change names the version it was made on; if
that is no longer the current one, somebody else changed the image meanwhile, and the change is
refused. As the digest depends on the content alone, a server that was restarted still knows it.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sapnet.annotate.listing import ImageListing, list_folder
from sapnet.data.clicked_images import check_images
from sapnet.data.clicks import clicks_to_json, load_clicks
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.system.files import write_json_atomic

DONE_KEY = "done"
"""Key of an image's entry: somebody looked at it and has nothing to add, even without objects."""

_NEW = 0
"""Annotation id of an object that the file does not know yet; given ids start at 1."""

_CLICK_KEYS = frozenset(
    {"id", "image_id", "category_id", "point", "negative_points", "object_id", "bbox"}
    | {"segmentation", "area"}  # an area would be that of another mask after a pin
)


class VersionConflictError(ValueError):
    """A change to a document that somebody else changed meanwhile.

    Attributes:
        document: the current one.
    """

    def __init__(self, message: str, document: Document) -> None:
        super().__init__(message)
        self.document = document


class FileChangedError(OSError):
    """The clicks file on disk is not the one that was last read or written."""


@dataclass(frozen=True)
class Document:
    """What is known of one image.

    Attributes:
        objects: its clicks, in the order they were made.
        is_done: marked as finished by hand.
    """

    objects: tuple[Click, ...] = ()
    is_done: bool = False

    @property
    def version(self) -> str:
        """A digest of all that the page can change."""
        content = [
            [
                click.annotation_id,
                click.category_id,
                [[float(x), float(y)] for x, y in click.points],
                [[float(x), float(y)] for x, y in click.negative_points],
                click.mask["counts"].decode("ascii") if click.mask else None,
            ]
            for click in self.objects
        ]
        text = json.dumps([content, self.is_done])
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


@dataclass(frozen=True)
class KeptKeys:
    """What an existing file says beyond its clicks; written back as it was.

    Attributes:
        top: of the file itself.
        images: by image id.
        categories: by category id.
        annotations: by the id of an object's first annotation.
    """

    top: dict[str, Any]
    images: dict[int, dict[str, Any]]
    categories: dict[int, dict[str, Any]]
    annotations: dict[int, dict[str, Any]]


class ClickFile:
    """All documents of a folder and the file that holds them; safe to use from several threads.

    Args:
        path: the clicks file; need not exist.
        listing: the images.
        clicks: what the file holds already.
        kept: what else it holds.
    """

    def __init__(self, path: Path, listing: ImageListing, clicks: ClickSet, kept: KeptKeys) -> None:
        self.path = path
        self.categories = clicks.categories
        self._kept = kept
        self._records = _number_images(listing, clicks.images)
        self._in_file = {image.file_name for image in clicks.images}
        self._documents = _group_by_image(clicks, kept)
        self._next_id = max((click.annotation_id for click in clicks.clicks), default=0) + 1
        self._next_id = max(self._next_id, *(i + 1 for i in kept.annotations), 1)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._change = self._written = 0
        self._stamp = file_stamp(path)

    def record(self, name: str) -> ImageRecord:
        """The image's entry of the file."""
        return self._records[name]

    def document(self, name: str) -> Document:
        """The current document of an image; empty for one without clicks."""
        return self._documents.get(name, Document())

    def summary(self, name: str) -> tuple[int, bool]:
        """How many objects an image holds, and whether it is marked as finished."""
        document = self.document(name)
        return len(document.objects), document.is_done

    def replace(self, name: str, document: Document, version: str | None) -> Document:
        """Puts a new document in place of the one with the named version, and saves the file.

        Args:
            name: of the image.
            document: the new one; objects with annotation id 0 get ids of their own.
            version: that the change was made on; None replaces whatever is there.

        Returns:
            The document as saved, all ids given.

        Raises:
            VersionConflictError: the current document has another version.
            FileChangedError: another program changed the file.
            OSError: the file cannot be written.
        """
        with self._lock:
            current = self.document(name)
            if version is not None and version != current.version:
                raise VersionConflictError(
                    f"{name} was changed meanwhile, in another tab or by somebody else "
                    f"({len(current.objects)} objects now)",
                    current,
                )
            saved = replace(document, objects=self._with_ids(name, document.objects))
            before = self._documents.get(name)
            self._documents[name] = saved
            self._change += 1
            change = self._change
        try:
            self._write(change)
        except OSError:
            with self._lock:  # what could not be saved must not look saved
                if before is None:
                    del self._documents[name]
                else:
                    self._documents[name] = before
            raise
        return saved

    def _with_ids(self, name: str, objects: Sequence[Click]) -> tuple[Click, ...]:
        """The objects with an annotation id each that no other image's objects have."""
        image_id = self._records[name].image_id
        taken = {
            click.annotation_id
            for other, document in self._documents.items()
            if other != name
            for click in document.objects
        }
        given: list[Click] = []
        for click in objects:
            annotation_id = click.annotation_id
            if annotation_id == _NEW or annotation_id in taken:
                annotation_id, self._next_id = self._next_id, self._next_id + 1
            taken.add(annotation_id)
            self._next_id = max(self._next_id, annotation_id + 1)
            given.append(replace(click, annotation_id=annotation_id, image_id=image_id))
        return tuple(given)

    def _write(self, change: int) -> None:
        """Saves the file unless a write that began later has saved this change along."""
        with self._writing:
            if self._written >= change:
                return
            if file_stamp(self.path) != self._stamp:
                raise FileChangedError(
                    f"{self.path} was changed by another program, so this change is not saved. "
                    "Stop `sapnet annotate` and start it again to go on from the changed file."
                )
            with self._lock:
                content, change = self._content(), self._change
            write_json_atomic(self.path, content, indent=None)
            self._stamp, self._written = file_stamp(self.path), change

    def _content(self) -> dict[str, Any]:
        """The file's content: images that were in it, that hold objects, or that are done.

        The others are left out: an image that is listed without objects counts as empty when a
        segmenter is trained, and nobody has said that it is.
        """
        named = {
            name
            for name, document in self._documents.items()
            if document.objects or document.is_done
        }
        names = [name for name in self._records if name in named or name in self._in_file]
        clicks = [click for name in names for click in self.document(name).objects]
        records = tuple(self._records[name] for name in names)
        content = clicks_to_json(ClickSet(records, self.categories, tuple(clicks)))
        for image, name in zip(content["images"], names, strict=True):
            image.update(self._kept.images.get(image["id"], {}))
            if self.document(name).is_done:
                image[DONE_KEY] = True
        for category in content["categories"]:
            category.update(self._kept.categories.get(category["id"], {}))
        for annotation in content["annotations"]:
            annotation.update(self._kept.annotations.get(annotation["id"], {}))
        return {**content, **self._kept.top}


def open_click_file(
    images: Path, path: Path, classes: Iterable[str]
) -> tuple[ImageListing, ClickFile]:
    """Lists a folder and opens its clicks file, or begins one.

    Args:
        images: folder of the images.
        path: the clicks file.
        classes: names that are added to those of the file.

    Returns:
        The images and the file.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folder holds no image, the file is malformed or of other images, or there
            is no class.
    """
    if path.is_file():
        clicks, kept = load_clicks(path), _read_kept(path)
    else:
        clicks, kept = ClickSet((), (), ()), KeptKeys({}, {}, {}, {})
    categories = _with_classes(clicks.categories, classes)
    if not categories:
        raise ValueError(
            f"{path}: no such file yet, so the classes are unknown. Name them, for instance "
            "`--classes person,car`."
        )
    listing = list_folder(images, clicks.images)
    clicks = _upright(replace(clicks, categories=categories), listing, images)
    return listing, ClickFile(path, listing, clicks, kept)


def _with_classes(categories: Sequence[Category], classes: Iterable[str]) -> tuple[Category, ...]:
    found = list(categories)
    for name in classes:
        if name not in {category.name for category in found}:
            next_id = max((category.category_id for category in found), default=0) + 1
            found.append(Category(next_id, name))
    return tuple(found)


def _upright(clicks: ClickSet, listing: ImageListing, folder: Path) -> ClickSet:
    """The clicks in the upright frame, checked against the images that can be read."""
    readable = {image.name for image in listing if not image.problem}
    names = {image.image_id: image.file_name for image in clicks.images}
    present = ClickSet(
        tuple(image for image in clicks.images if image.file_name in readable),
        clicks.categories,
        tuple(click for click in clicks.clicks if names[click.image_id] in readable),
    )
    checked = check_images(present, folder)
    images = {image.image_id: image for image in (*clicks.images, *checked.images)}
    turned = {click.annotation_id: click for click in (*clicks.clicks, *checked.clicks)}
    return ClickSet(tuple(images.values()), clicks.categories, tuple(turned.values()))


def _number_images(listing: ImageListing, known: Iterable[ImageRecord]) -> dict[str, ImageRecord]:
    """An entry for every image by name: those of the file first, in its order."""
    records = {image.file_name: image for image in known}
    next_id = max((image.image_id for image in records.values()), default=0) + 1
    for image in listing:
        if image.name not in records:
            records[image.name] = ImageRecord(next_id, image.name, image.width, image.height)
            next_id += 1
    return records


def _group_by_image(clicks: ClickSet, kept: KeptKeys) -> dict[str, Document]:
    documents = {
        image.file_name: Document(
            is_done=bool(kept.images.get(image.image_id, {}).pop(DONE_KEY, 0))
        )
        for image in clicks.images
    }
    names = {image.image_id: image.file_name for image in clicks.images}
    for click in clicks.clicks:
        before = documents[names[click.image_id]]
        documents[names[click.image_id]] = replace(before, objects=(*before.objects, click))
    return documents


def _read_kept(path: Path) -> KeptKeys:
    content = json.loads(path.read_text(encoding="utf-8-sig"))

    def others(section: str, known: frozenset[str]) -> dict[int, dict[str, Any]]:
        return {
            entry["id"]: {key: value for key, value in entry.items() if key not in known}
            for entry in content[section]
        }

    sections = {"images", "categories", "annotations"}
    return KeptKeys(
        top={key: value for key, value in content.items() if key not in sections},
        images=others("images", frozenset({"id", "file_name", "width", "height"})),
        categories=others("categories", frozenset({"id", "name"})),
        annotations=others("annotations", _CLICK_KEYS),
    )


def file_stamp(path: Path) -> tuple[int, int] | None:
    """What tells one state of the file from another: time of change and size; None if absent."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size
