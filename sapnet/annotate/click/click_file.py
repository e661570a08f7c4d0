"""The clicks file during annotation: one document per image, saved at every change."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sapnet.annotate.documents import Document, VersionConflictError, WatchedFile
from sapnet.annotate.listing import ImageListing
from sapnet.data.clicks import clicks_to_json
from sapnet.data.coco_json import INFO_KEY
from sapnet.data.coverage.completeness import moved_marks
from sapnet.data.coverage.ignored import moved_regions
from sapnet.structures.clicks import (
    DONE,
    NOT_EXHAUSTIVE,
    Category,
    Click,
    ClickSet,
    Coverage,
    ImageRecord,
)
from sapnet.system.files import write_json_atomic

PROPOSER_KEY = "proposer"
"""Key of the proposer in the file's `info`: the next session goes on with it."""

COLOR_KEY = "color"
"""Key of a category's entry: the colour that the user chose for it."""

_NEW = 0
"""Annotation id of an object that is not in the file yet; assigned ids start at 1."""


@dataclass(frozen=True)
class KeptKeys:
    """Content of an existing file beyond its clicks; written back unchanged.

    Attributes:
        top: further keys of the file itself.
        images: further keys of the images, by image id.
        categories: further keys of the categories, by category id.
        annotations: further keys of the objects, by the id of their first annotation.
    """

    top: dict[str, Any]
    images: dict[int, dict[str, Any]]
    categories: dict[int, dict[str, Any]]
    annotations: dict[int, dict[str, Any]]


class ClickFile:
    """The documents of a folder, and the file that holds them; thread-safe.

    Args:
        path: the clicks file; need not exist.
        listing: the images.
        clicks: the clicks that the file holds already.
        kept: its other content.
    """

    def __init__(self, path: Path, listing: ImageListing, clicks: ClickSet, kept: KeptKeys) -> None:
        self.path = path
        self.categories = clicks.categories
        self.bands = clicks.bands
        self._kept = kept
        self._records = _number_images(listing, clicks.images)
        self._in_file = {image.file_name for image in clicks.images}
        self._documents = _group_by_image(clicks, kept)
        self._regions = clicks.coverage
        self._next_id = max((click.annotation_id for click in clicks.clicks), default=0) + 1
        self._next_id = max(self._next_id, *(i + 1 for i in kept.annotations), 1)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._change = self._written = 0
        self._watched = WatchedFile(path, "sapnet annotate")

    def record(self, name: str) -> ImageRecord:
        """Return the image's entry of the file."""
        return self._records[name]

    def document(self, name: str) -> Document:
        """Return the current document of an image, an empty one for an image without clicks."""
        return self._documents.get(name, Document())

    def summary(self, name: str) -> tuple[int, bool]:
        """Return the number of objects of an image, and True if it is marked as finished."""
        document = self.document(name)
        return len(document.objects), document.is_done

    def documents(self) -> list[Document]:
        """Return the documents of all images that have one."""
        with self._lock:
            return list(self._documents.values())

    @property
    def colors(self) -> dict[int, str]:
        """Colours that were chosen for classes, by category id: "#rrggbb"."""
        chosen = {i: keys.get(COLOR_KEY) for i, keys in self._kept.categories.items()}
        return {i: color for i, color in chosen.items() if isinstance(color, str)}

    def replace_classes(
        self,
        categories: tuple[Category, ...],
        moved: Mapping[int, int | None] | None = None,
        colors: Mapping[int, str] | None = None,
    ) -> None:
        """Replace the classes and save the file.

        Images that were done are complete but for new classes: nobody looked for these there.

        Args:
            categories: the new classes.
            moved: classes whose objects get another class; None drops the objects.
            colors: chosen colours by category id; None keeps them.

        Raises:
            FileChangedError: another program changed the file.
            OSError: the file cannot be written.
        """
        with self._lock:
            before = self.categories, dict(self._documents), self._regions, self._kept
            known = {category.category_id for category in self.categories}
            self.categories = categories
            self.reopen([c.category_id for c in categories if c.category_id not in known])
            if moved:
                self._move(moved)
            for category_id, color in (colors or {}).items():
                self._kept.categories.setdefault(category_id, {})[COLOR_KEY] = color
            self._change += 1
            change = self._change
        try:
            self._write(change)
        except OSError:
            with self._lock:
                self.categories, self._documents, self._regions, self._kept = before
            raise

    def reopen(self, new: Sequence[int]) -> None:
        """Take the images that are done as complete but for new classes.

        This is saved with the next change.

        Args:
            new: ids of the classes.
        """
        if not new:
            return
        marks = dict(self._kept.images)
        for name, document in self._documents.items():
            image_id = self._records[name].image_id
            keys = marks.get(image_id, {})
            if document.is_done:
                marks[image_id] = {**keys, DONE: True, NOT_EXHAUSTIVE: list(new)}
                self._documents[name] = replace(document, is_done=False)
            elif keys.get(DONE):
                marks[image_id] = {**keys, NOT_EXHAUSTIVE: [*keys.get(NOT_EXHAUSTIVE, ()), *new]}
        self._kept = replace(self._kept, images=marks)

    def _was_done(self, name: str) -> bool:
        """Return True if an image is complete but for some classes."""
        return bool(self._kept.images.get(self._records[name].image_id, {}).get(DONE))

    def _move(self, moved: Mapping[int, int | None]) -> None:
        """Give the objects, marks and regions of classes that are gone to others, or drop them."""
        marks = {i: moved_marks(keys, moved) for i, keys in self._kept.images.items()}
        for name, document in self._documents.items():
            keys = marks.get(self._records[name].image_id, {})
            is_done = document.is_done or _take_done(keys)
            self._documents[name] = replace(_moved(document, moved), is_done=is_done)
        self._regions = {i: moved_regions(c, moved) for i, c in self._regions.items()}
        self._kept = replace(self._kept, images=marks)

    def num_masks(self) -> int:
        """Return the number of objects with a mask."""
        return sum(c.mask is not None for entry in self.documents() for c in entry.objects)

    @property
    def proposer(self) -> tuple[str, str | None] | None:
        """Name and weights of the proposer of earlier sessions; None where none is noted."""
        info = self._kept.top.get(INFO_KEY)
        noted = info.get(PROPOSER_KEY) if isinstance(info, dict) else None
        if not isinstance(noted, dict) or not isinstance(noted.get("name"), str):
            return None
        checkpoint = noted.get("checkpoint")
        return noted["name"], checkpoint if isinstance(checkpoint, str) else None

    def note_proposer(self, name: str, checkpoint: str | None) -> None:
        """Note the proposer at work; it is saved with the next change."""
        info = self._kept.top.get(INFO_KEY)
        kept = info if isinstance(info, dict) else {}
        noted = {"name": name, "checkpoint": checkpoint}
        self._kept.top[INFO_KEY] = {**kept, PROPOSER_KEY: noted}

    def replace(self, name: str, document: Document, version: str | None) -> Document:
        """Replace the document of an image and save the file.

        Args:
            name: name of the image.
            document: the new document; objects with annotation id 0 get new ids.
            version: version that the change was based on; None replaces any version.

        Returns:
            The document as saved, with all ids assigned.

        Raises:
            VersionConflictError: the current document has another version.
            FileChangedError: another program changed the file.
            OSError: the file cannot be written.
        """
        with self._lock:
            self.check_version(name, version)
            saved = replace(document, objects=self._with_ids(name, document.objects))
            before, kept = self._documents.get(name), self._kept
            self._documents[name] = saved
            if before is not None and before.is_done and not saved.is_done:
                self._kept = _without_done(kept, self._records[name].image_id)
            self._change += 1
            change = self._change
        try:
            self._write(change)
        except OSError:
            with self._lock:  # a change that was not saved must not look saved
                self._kept = kept
                if before is None:
                    del self._documents[name]
                else:
                    self._documents[name] = before
            raise
        return saved

    def check_version(self, name: str, version: str | None) -> None:
        """Raise a VersionConflictError if an image's document has another version than this one."""
        current = self.document(name)
        if version is not None and version != current.version:
            raise VersionConflictError(
                f"{name} was changed meanwhile, in another tab or by somebody else "
                f"({len(current.objects)} objects now)",
                current,
            )

    def begin(self, name: str, objects: Sequence[Click]) -> None:
        """Give an image its first objects; they are saved with the next change of any image."""
        with self._lock:
            self._documents[name] = Document(self._with_ids(name, objects))

    def _with_ids(self, name: str, objects: Sequence[Click]) -> tuple[Click, ...]:
        """Return the objects, each with an annotation id that no object of another image has."""
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
        """Save the file, unless a later write has already saved this change."""
        with self._writing:
            if self._written >= change:
                return
            self._watched.require_unchanged()
            with self._lock:
                content, change = self._content(), self._change
            write_json_atomic(self.path, content, indent=None)
            self._watched.note_written()
            self._written = change

    @property
    def change(self) -> int:
        """Number of changes so far."""
        return self._change

    def click_set(self) -> ClickSet:
        """Return the images, classes and clicks that the file has, as `load_clicks` reads them."""
        with self._lock:
            return self._click_set()[1]

    def _click_set(self) -> tuple[list[str], ClickSet]:
        """Return the names of the images in the file, and its content."""
        named = {
            name
            for name, document in self._documents.items()
            if document.objects or document.is_done or self._was_done(name)
        }
        names = [name for name in self._records if name in named or name in self._in_file]
        clicks = [click for name in names for click in self.document(name).objects]
        records = tuple(self._records[name] for name in names)
        regions = self._kept_regions({record.image_id for record in records})
        found = ClickSet(records, self.categories, tuple(clicks), regions, self.bands)
        return names, found

    def _content(self) -> dict[str, Any]:
        """Return the file's content: images that were in it, have objects, or are marked as done.

        The others are left out. Training treats a listed image without objects as empty, and for
        these images nobody has confirmed that.
        """
        names, clicks = self._click_set()
        content = clicks_to_json(clicks)
        for image, name in zip(content["images"], names, strict=True):
            image.update(self._kept.images.get(image["id"], {}))
            if self.document(name).is_done:
                image[DONE] = True
                image.pop(NOT_EXHAUSTIVE, None)
        for category in content["categories"]:
            category.update(self._kept.categories.get(category["id"], {}))
        for annotation in content["annotations"]:
            annotation.update(self._kept.annotations.get(annotation["id"], {}))
        top = dict(self._kept.top)
        if content[INFO_KEY]:
            info = top.get(INFO_KEY, {})
            kept = info if isinstance(info, dict) else {"description": info}
            top[INFO_KEY] = {**kept, **content[INFO_KEY]}
        return {**content, **top}

    def _kept_regions(self, image_ids: Collection[int]) -> dict[int, Coverage]:
        """Return the regions to ignore of these images, of the categories that are left.

        What is complete or partial is among the images' other keys.
        """
        known = {category.category_id for category in self.categories}
        return {
            image_id: Coverage(None, tuple(r for r in found.ignored if r.category_id in known))
            for image_id, found in self._regions.items()
            if image_id in image_ids
        }


def _number_images(listing: ImageListing, known: Iterable[ImageRecord]) -> dict[str, ImageRecord]:
    """Return an entry for every image by name; those of the file come first, in its order."""
    records = {image.file_name: image for image in known}
    next_id = max((image.image_id for image in records.values()), default=0) + 1
    for image in listing:
        if image.name not in records:
            records[image.name] = ImageRecord(next_id, image.name, image.width, image.height)
            next_id += 1
    return records


def _without_done(kept: KeptKeys, image_id: int) -> KeptKeys:
    """Return the keys without what an earlier "done" of an image said."""
    keys = kept.images.get(image_id, {})
    if not keys.get(DONE):
        return kept
    left = {name: keys[name] for name in keys if name not in (DONE, NOT_EXHAUSTIVE)}
    return replace(kept, images={**kept.images, image_id: left})


def _moved(document: Document, moved: Mapping[int, int | None]) -> Document:
    """Return a document whose objects have the classes that theirs were moved to."""
    objects = []
    for click in document.objects:
        category = moved.get(click.category_id, click.category_id)
        if category is not None:
            objects.append(replace(click, category_id=category))
    return replace(document, objects=tuple(objects))


def _take_done(keys: dict[str, Any]) -> bool:
    """Return True if an image's keys say that it is done, which they no longer do afterwards.

    What is marked as partial, or as complete but for some classes, stays so until it is done.
    """
    is_done = bool(keys.get(DONE)) and not keys.get(NOT_EXHAUSTIVE)
    if is_done:
        del keys[DONE]
    return is_done


def _group_by_image(clicks: ClickSet, kept: KeptKeys) -> dict[str, Document]:
    documents = {}
    for image in clicks.images:
        keys = kept.images.get(image.image_id, {})
        is_done = _take_done(keys)
        documents[image.file_name] = Document(is_done=is_done)
    names = {image.image_id: image.file_name for image in clicks.images}
    for click in clicks.clicks:
        before = documents[names[click.image_id]]
        documents[names[click.image_id]] = replace(before, objects=(*before.objects, click))
    return documents
