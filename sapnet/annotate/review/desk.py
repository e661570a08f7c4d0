"""The labels while they are reviewed: one versioned document per image, saved at every decision.

A document holds the image's objects with what was decided of each. As in `documents`, its version
is a digest of its content, and a change names the version it was made on.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sapnet.annotate.documents import Document, FileChangedError, file_stamp
from sapnet.data.corrections import load_corrections, save_corrections
from sapnet.evaluation.label_file import Label, LabelSet, load_labels
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Category, ImageRecord
from sapnet.structures.corrections import Action, Correction, Corrections

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click

Decision: TypeAlias = Action | Literal["deleted"]
"""What can be decided of an object."""


@dataclass(frozen=True)
class ReviewedObject:
    """One object of an image under review.

    Attributes:
        click: its click; the mask is the decided one, else the label.
        decision: None while nobody has decided.
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
        """A digest of all that the page can change."""
        content = [
            [
                entry.click.annotation_id,
                entry.click.category_id,
                entry.click.points,
                entry.click.negative_points,
                entry.click.mask["counts"].decode("ascii") if entry.click.mask else None,
                entry.decision,
            ]
            for entry in self.objects
        ]
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:16]


class ReviewConflictError(ValueError):
    """A change to a document that somebody else changed meanwhile.

    Attributes:
        document: the current one.
    """

    def __init__(self, message: str, document: ReviewDocument) -> None:
        super().__init__(message)
        self.document = document


@dataclass(frozen=True)
class QueueEntry:
    """An object's place in the queue.

    Attributes:
        label: what was chosen for it.
        image: the image it lies on.
        decision: None while nobody has decided.
    """

    label: Label
    image: ImageRecord
    decision: Decision | None


class ReviewDesk:
    """Labels, their candidates, and the decisions on them; safe to use from several threads.

    Args:
        path: the file of the decisions; need not exist.
        labels: what is reviewed.
        store: the candidates the labels were chosen from.
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
        self._num_labels = Counter(label.image_id for label in labels.labels.values())
        self._lock = threading.Lock()
        self._stamp = file_stamp(path)

    def summary(self, name: str) -> tuple[int, bool]:
        """How many labels an image holds; images are never finished as a whole."""
        return self._num_labels[self._records[name].image_id], False

    def record(self, name: str) -> ImageRecord:
        """The image's entry of the store."""
        return self._records[name]

    def document(self, name: str) -> Document:
        """The image's clicks, for those parts of the page that know of no decisions."""
        return Document(tuple(entry.click for entry in self.reviewed(name).objects))

    def reviewed(self, name: str) -> ReviewDocument:
        """The current document of an image; objects without a label are not reviewed."""
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
            return ReviewedObject(correction.click, correction.action)
        labelled = replace(click, mask=self.labels.labels[annotation_id].rle)
        return ReviewedObject(labelled, "deleted" if annotation_id in self._deleted else None)

    def queue(self) -> list[QueueEntry]:
        """The labels, the most uncertain first; masks that were given are none to review."""
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
        """Puts new decisions in place of those with the named version, and saves the file.

        Args:
            name: of the image.
            objects: all objects of the image, each once; without a decision it is the label again.
            version: that the change was made on; None replaces whatever is there.

        Returns:
            The document as saved.

        Raises:
            ReviewConflictError: the current document has another version.
            FileChangedError: another program changed the file.
            ValueError: other objects than those of the image.
            OSError: the file cannot be written.
        """
        with self._lock:
            current = self.reviewed(name)
            if version is not None and version != current.version:
                raise ReviewConflictError(
                    f"{name} was reviewed meanwhile, in another tab or by somebody else", current
                )
            ids = [entry.click.annotation_id for entry in objects]
            expected = [entry.click.annotation_id for entry in current.objects]
            if sorted(ids) != sorted(expected):
                raise ValueError(f"{name}: expected the objects {expected}, found {ids}")
            before = dict(self._fixed), set(self._deleted)
            self._take(objects)
            try:
                self._save()
            except OSError:
                self._fixed, self._deleted = before  # what could not be saved must not look saved
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

    def _save(self) -> None:
        if file_stamp(self.path) != self._stamp:
            raise FileChangedError(
                f"{self.path} was changed by another program, so this decision is not saved. Stop "
                "`sapnet review` and start it again to go on from the changed file."
            )
        save_corrections(self.path, self.corrections())
        self._stamp = file_stamp(self.path)

    def corrections(self) -> Corrections:
        """All decisions so far, with the images and categories that they name."""
        image_ids = {correction.click.image_id for correction in self._fixed.values()}
        return Corrections(
            images=tuple(i for i in self._records.values() if i.image_id in image_ids),
            categories=self.categories,
            fixed=self._fixed,
            deleted=frozenset(self._deleted),
            source=self.path,
        )


def open_desk(labels: Path, proposals: Path, path: Path) -> ReviewDesk:
    """Opens labels with their candidates, and the decisions made before.

    Args:
        labels: written by `sapnet label`.
        proposals: the store they were chosen from.
        path: the file of the decisions; need not exist.

    Raises:
        FileNotFoundError: the labels or the store are missing.
        ValueError: a file is malformed, of another data set, or the labels have no uncertainty.
    """
    found = load_labels(labels)
    corrections = load_corrections(path) if path.is_file() else Corrections((), (), source=path)
    # Opened with the corrections, the store refuses those of other objects or sizes.
    ProposalStore(proposals, corrections)
    store = ProposalStore(proposals)
    _check_labels(labels, found.labels, store)
    return ReviewDesk(path, found, store, corrections)


def _check_labels(path: Path, labels: Mapping[int, Label], store: ProposalStore) -> None:
    for annotation_id, label in labels.items():
        try:
            image = store.images[store.image_index_of(annotation_id)]
        except KeyError as error:
            raise ValueError(
                f"{path}: object {annotation_id} is not in {store.path}. Name the store that the "
                "labels were chosen from."
            ) from error
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
