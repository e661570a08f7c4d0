"""Suggestions that are open: what a run saw, no object explains, and nobody dismissed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sapnet.annotate.click.click_file import ClickFile
from sapnet.annotate.listing import ImageListing
from sapnet.annotate.suggest.ordering import Spread, image_doubt
from sapnet.annotate.suggest.seen import SeenFile, SeenImage
from sapnet.geometry.covering import unexplained
from sapnet.geometry.rle import rle_iou
from sapnet.structures.clicks import RLE

SAME_IOU = 0.5
"""IoU from which an instance is one that was dismissed before."""


@dataclass(frozen=True)
class Suggestion:
    """An instance that waits for a decision.

    Attributes:
        number: by which pages name it, from its mask and class.
        category_id: its class in the clicks file.
        score: of the segmenter, in [0, 1].
        point: (x, y), the click to add.
        mask: original frame.
    """

    number: int
    category_id: int
    score: float
    point: tuple[float, float]
    mask: RLE


class SuggestionDesk:
    """The open suggestions of all images; safe to use from several threads.

    Args:
        listing: the images.
        file: their objects.
        seen: what the run saw.
        min_score: least score of a suggestion.
    """

    def __init__(
        self, listing: ImageListing, file: ClickFile, seen: SeenFile, min_score: float
    ) -> None:
        self._listing, self._file, self._seen = listing, file, seen
        self._min_score = min_score
        self._ids = {category.name: category.category_id for category in file.categories}
        self._lock, self._deciding = threading.Lock(), threading.Lock()
        self._kept: dict[str, tuple[tuple[object, ...], list[Suggestion]]] = {}
        self._spread: tuple[int, list[str], Spread] | None = None

    def is_touched(self, name: str) -> bool:
        """Return True if somebody worked on an image."""
        return any(self._file.summary(name))

    def open_of(self, name: str) -> list[Suggestion] | None:
        """Return the open suggestions of an image, the best first; None if it was not seen yet."""
        seen = self._seen_now(name)
        if seen is None:
            return None
        dismissed = self._seen.dismissed.get(name, ())
        state = (self._file.document(name).version, dismissed, id(seen), self._file.categories)
        with self._lock:
            known = self._kept.get(name)
        if known is None or known[0] != state:
            known = state, self._open(name, seen, dismissed)
            with self._lock:
                self._kept[name] = known
        return known[1]

    def dismissed_of(self, name: str) -> list[int]:
        """Return the numbers of the suggestions of an image that were dismissed."""
        seen, masks = self._seen_now(name), self._seen.dismissed.get(name, ())
        if seen is None:
            return []
        return [entry.number for entry in seen.instances if entry.mask in masks]

    def dismiss(self, name: str, numbers: Sequence[int], restored: Sequence[int] = ()) -> None:
        """Note suggestions of an image that are dismissed, and others that are no longer.

        What was dismissed before stays so: a tab that does not know of it cannot bring it back.
        Numbers of what another run saw, shown by a tab that stayed open, are passed over.

        Raises:
            OSError: that cannot be saved.
        """
        seen = self._seen_now(name)
        if seen is None:
            return
        masks = {entry.number: entry.mask for entry in seen.instances}
        added, back = ([masks[n] for n in ns if n in masks] for ns in (numbers, restored))
        with self._deciding:
            before = [mask for mask in self._seen.dismissed.get(name, ()) if mask not in back]
            new = [mask for mask in added if mask not in before and mask not in back]
            self._seen.dismiss(name, [*before, *new])

    def next_to_teach(self, current: str) -> str | None:
        """Return the untouched image whose correction teaches most; None if none was seen yet.

        It is the one with the largest product of the segmenter's doubt and the distance from the
        nearest image that somebody worked on, as the network describes images.
        """
        names, spread = self._spread_now()
        taken = {place for place, name in enumerate(names) if self.is_touched(name)}
        doubts = [
            -1.0
            if place in taken or name == current or self._listing[name].problem
            else image_doubt([entry.score for entry in self._seen.images[name].instances])
            for place, name in enumerate(names)
        ]
        if max(doubts, default=-1.0) < 0:
            return None
        # An image just like a corrected one comes last, but it comes.
        values = np.asarray(doubts) * (spread.distances(taken) + 1e-6)
        return names[int(np.argmax(values))]

    def next_missed(self, current: str) -> str | None:
        """Return the touched image with the surest open suggestion, after the shown one."""
        found: list[tuple[float, str]] = []
        for name in list(self._seen.images):
            if name in self._listing and name != current and self.is_touched(name):
                suggestions = self.open_of(name)
                if suggestions:
                    found.append((-suggestions[0].score, name))
        return min(found)[1] if found else None

    def _seen_now(self, name: str) -> SeenImage | None:
        """Return what was seen on an image as it is now."""
        seen = self._seen.images.get(name)
        return seen if seen is not None and seen.stamp == self._listing[name].stamp else None

    def _open(self, name: str, seen: SeenImage, dismissed: Sequence[RLE]) -> list[Suggestion]:
        record, document = self._file.record(name), self._file.document(name)
        size = [record.height, record.width]
        known = {category.category_id for category in self._file.categories}
        shown = [
            entry
            for entry in seen.instances
            if entry.score >= self._min_score
            and self._ids.get(entry.category) in known
            and list(entry.mask["size"]) == size
        ]
        gone = [mask for mask in dismissed if list(mask["size"]) == size]
        if gone and shown:
            overlaps = rle_iou([entry.mask for entry in shown], gone)
            shown = [e for e, row in zip(shown, overlaps, strict=True) if row.max() < SAME_IOU]
        points = [point for click in document.objects for point in click.points]
        masks = [click.mask for click in document.objects if click.mask is not None]
        found = []
        for place in unexplained([entry.mask for entry in shown], points, masks):
            entry = shown[place]
            category_id = self._ids[entry.category]
            found.append(
                Suggestion(entry.number, category_id, entry.score, entry.point, entry.mask)
            )
        return found

    def _spread_now(self) -> tuple[list[str], Spread]:
        count = len(self._seen.images)
        if self._spread is None or self._spread[0] != count:
            names = [name for name in list(self._seen.images) if name in self._listing]
            vectors = np.stack([self._seen.images[name].vector for name in names] or [np.zeros(1)])
            self._spread = count, names, Spread(vectors)
        return self._spread[1], self._spread[2]
