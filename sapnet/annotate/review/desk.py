"""The labels under review: one versioned document per image, saved at every decision.

A document holds the objects of an image with the decision on each. As in `documents`, its version
is a digest of its content, and a change names the version it is based on.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sapnet.annotate.documents import (
    Document,
    VersionConflictError,
    WatchedFile,
    click_content,
    content_digest,
)
from sapnet.data.corrections import load_corrections, save_corrections
from sapnet.data.matching.objects import check_same_objects
from sapnet.evaluation.alignment import objects_of_labels, objects_of_store
from sapnet.evaluation.label_file import Label, LabelSet, load_labels
from sapnet.store.reader import ProposalStore
from sapnet.store.views.corrected import open_corrected
from sapnet.store.views.whole import open_whole_store
from sapnet.structures.clicks import Category, ImageRecord
from sapnet.structures.corrections import Action, Correction, Corrections, ReviewedClick
from sapnet.structures.coverage import only_images

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click

Decision: TypeAlias = Action | Literal["deleted"]
"""A decision on an object."""


@dataclass(frozen=True)
class ReviewedObject:
    """One object of an image under review.

    Attributes:
        click: its click; the mask is the decided one, else the label.
        decision: the decision on it; None while there is none.
    """

    click: Click
    decision: Decision | None = None

    def __post_init__(self) -> None:
        if self.decision not in (None, "deleted") and self.click.mask is None:
            raise ValueError(
                f"object {self.click.annotation_id}: expected a mask with the decision "
                f"{self.decision!r}, found none"
            )


@dataclass(frozen=True)
class ReviewDocument:
    """The objects of one image, in the order of the store."""

    objects: tuple[ReviewedObject, ...] = ()

    @property
    def version(self) -> str:
        """A digest of everything that the page can change."""
        return content_digest(
            [[*click_content(entry.click), entry.decision] for entry in self.objects]
        )


@dataclass(frozen=True)
class QueueEntry:
    """An entry of the review queue.

    Attributes:
        label: the label of the object.
        image: the image of the object.
        decision: the decision on it; None while there is none.
    """

    label: Label
    image: ImageRecord
    decision: Decision | None


class ReviewDesk:
    """Labels, their candidates, and the decisions on them; thread-safe.

    Args:
        path: the file of the decisions; need not exist.
        labels: the labels to review.
        store: the candidates that the labels were chosen from.
        corrections: decisions that the file holds already.
    """

    def __init__(
        self, path: Path, labels: LabelSet, store: ProposalStore, corrections: Corrections
    ) -> None:
        self.path = path
        self.categories: tuple[Category, ...] = store.categories
        self.labels = labels
        self.store = store
        images = tuple(store.images)
        self._given = store.given_ids()
        self._records = {image.file_name: image for image in images}
        self._names = {image.image_id: image.file_name for image in images}
        self._places = {image.image_id: place for place, image in enumerate(images)}
        self._fixed = dict(corrections.fixed)
        self._deleted = set(corrections.deleted)
        self._clicked = dict(corrections.reviewed)
        self._num_labels = Counter(label.image_id for label in labels.labels.values())
        self._lock = threading.Lock()
        self._watched = WatchedFile(path, "sapnet review")

    def summary(self, name: str) -> tuple[int, bool]:
        """Return the number of labels of an image, and False: images are never marked as done."""
        return self._num_labels[self._records[name].image_id], False

    def record(self, name: str) -> ImageRecord:
        """Return the image's entry of the store."""
        return self._records[name]

    def document(self, name: str) -> Document:
        """Return the image's clicks, for the parts of the page that do not use decisions."""
        return Document(tuple(entry.click for entry in self.reviewed(name).objects))

    def reviewed(self, name: str) -> ReviewDocument:
        """Return the current document of an image; it leaves out objects without a label."""
        stored = self.store.objects_of_image(self._places[self._records[name].image_id])
        return ReviewDocument(
            tuple(
                self._reviewed(entry.click)
                for entry in stored
                if entry.click.annotation_id in self.labels.labels
            )
        )

    def _reviewed(self, click: Click) -> ReviewedObject:
        annotation_id = click.annotation_id
        correction = self._fixed.get(annotation_id)
        if correction is not None:
            decided = replace(correction.click, category_id=click.category_id)
            return ReviewedObject(decided, correction.action)
        labelled = replace(click, mask=self.labels.labels[annotation_id].rle)
        return ReviewedObject(labelled, "deleted" if annotation_id in self._deleted else None)

    def queue(self) -> list[QueueEntry]:
        """Return the labels to review, the most uncertain first, without masks that were given."""
        entries = [
            QueueEntry(label, self._records[self._names[label.image_id]], self._decision(label))
            for label in self.labels.labels.values()
            if label.annotation_id not in self._given
        ]
        return sorted(entries, key=lambda e: (-(e.label.uncertainty or 0.0), e.label.annotation_id))

    def _decision(self, label: Label) -> Decision | None:
        if label.annotation_id in self._deleted:
            return "deleted"
        correction = self._fixed.get(label.annotation_id)
        return None if correction is None else correction.action

    def replace(
        self, name: str, objects: Sequence[ReviewedObject], version: str | None
    ) -> ReviewDocument:
        """Replace the decisions of an image and save the file.

        Args:
            name: name of the image.
            objects: all objects of the image, each once; one without a decision keeps its label.
            version: version that the change is based on; None replaces any version.

        Returns:
            The document as saved.

        Raises:
            VersionConflictError: the current document has another version.
            FileChangedError: another program changed the file.
            ValueError: the objects are not those of the image.
            OSError: the file cannot be written.
        """
        with self._lock:
            current = self.reviewed(name)
            if version is not None and version != current.version:
                raise VersionConflictError(
                    f"{name} was reviewed meanwhile, in another tab or by somebody else", current
                )
            ids = [entry.click.annotation_id for entry in objects]
            expected = [entry.click.annotation_id for entry in current.objects]
            if sorted(ids) != sorted(expected):
                raise ValueError(f"{name}: expected the objects {expected}, found {ids}")
            before = dict(self._fixed), set(self._deleted)
            self._take(objects)
            self._note_clicks(name)
            try:
                self._save()
            except OSError:
                self._fixed, self._deleted = before  # an unsaved change must not look saved
                raise
            return self.reviewed(name)

    def _take(self, objects: Sequence[ReviewedObject]) -> None:
        for entry in objects:
            annotation_id = entry.click.annotation_id
            self._fixed.pop(annotation_id, None)
            self._deleted.discard(annotation_id)
            if entry.decision == "deleted":
                self._deleted.add(annotation_id)
            elif entry.decision is not None:
                self._fixed[annotation_id] = Correction(entry.click, entry.decision)

    def _note_clicks(self, name: str) -> None:
        """Note the clicks of the objects of an image, on which decisions may be."""
        for stored in self.store.objects_of_image(self._places[self._records[name].image_id]):
            click = stored.click
            self._clicked[click.annotation_id] = ReviewedClick(click.image_id, click.point)

    def _save(self) -> None:
        self._watched.require_unchanged()
        save_corrections(self.path, self.corrections())
        self._watched.note_written()

    def corrections(self) -> Corrections:
        """Return all decisions so far, with their images and categories."""
        image_ids = {correction.click.image_id for correction in self._fixed.values()}
        return Corrections(
            images=tuple(i for i in self._records.values() if i.image_id in image_ids),
            categories=self.categories,
            fixed=self._fixed,
            deleted=frozenset(self._deleted),
            source=self.path,
            coverage=only_images(self.labels.coverage, sorted(image_ids)),
            reviewed=self._clicked,
            bands=self.store.parts.bands or self.labels.bands,
        )


def open_desk(labels: Path, proposals: Path, path: Path) -> ReviewDesk:
    """Open labels with their candidates, and the earlier decisions.

    Args:
        labels: file written by `sapnet label`.
        proposals: the store that the labels were chosen from.
        path: the file of the decisions; need not exist.

    Raises:
        FileNotFoundError: the labels or the store are missing.
        ValueError: a file is malformed or belongs to another data set, or the labels have no
            uncertainty.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file of decisions to write, found a folder.")
    found = load_labels(labels)
    corrections = load_corrections(path) if path.is_file() else Corrections((), (), source=path)
    # Opening the store with the corrections checks that their objects and sizes are its own.
    open_corrected(proposals, corrections)
    store = open_whole_store(proposals)
    _check_labels(labels, found, store)
    return ReviewDesk(path, found, store, corrections)


def _check_labels(path: Path, labels: LabelSet, store: ProposalStore) -> None:
    named = replace(objects_of_labels(labels), name=str(path))
    check_same_objects(named, replace(objects_of_store(store), name=str(store.path)))
    for annotation_id, label in labels.labels.items():
        image = store.images[store.image_index_of(annotation_id)]
        if image.image_id != label.image_id or label.rle["size"] != [image.height, image.width]:
            raise ValueError(
                f"{path}, object {annotation_id}: expected a label of image {image.image_id}, "
                f"found one of image {label.image_id}. Name the store that the labels were chosen "
                "from."
            )
        if label.uncertainty is None:
            raise ValueError(
                f"{path}, object {annotation_id}: expected an 'uncertainty', found none. Write the "
                "labels again with `sapnet label`."
            )
