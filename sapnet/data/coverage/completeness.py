"""Images of COCO-style files that are complete or partial, and categories that are.

The keys of an image are `done` (ours) and LVIS's `not_exhaustive_category_ids` and
`neg_category_ids`. LVIS lists categories that were searched for: one that is neither annotated in
an image nor verified to be absent was not looked at there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sapnet.data.problems import RecordError, Report, attempt
from sapnet.structures.clicks import DONE, NOT_EXHAUSTIVE, Category
from sapnet.system.outside import shown

ABSENT = "neg_category_ids"
"""Key of an image, as in LVIS: categories that were verified to be absent."""


class MarkedFile(Protocol):
    """A COCO-style file whose categories and annotations are checked."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def categories(self) -> Sequence[Category]:
        """All categories."""

    @property
    def annotations(self) -> Sequence[Mapping[str, Any]]:
        """The annotations."""

    @property
    def image_records(self) -> Mapping[int, Mapping[str, Any]]:
        """The images as in the file, by their id."""


def read_partial(coco: MarkedFile, report: Report) -> dict[int, tuple[int, ...]]:
    """Return the categories that are not all annotated of each image that was marked.

    Args:
        coco: the file.
        report: receives each broken rule; unless it raises, the image counts as unmarked.

    Returns:
        Ascending category ids by image id, an empty tuple for a complete image; images that nobody
        marked have no entry.
    """
    path = coco.path
    every = frozenset(category.category_id for category in coco.categories)
    marked = {key: record for key, record in coco.image_records.items() if _is_marked(record)}
    annotated: dict[int, set[int]] = {image_id: set() for image_id in marked}
    for annotation in coco.annotations:
        if annotation["image_id"] in annotated:
            annotated[annotation["image_id"]].add(annotation["category_id"])
    found = {}
    for image_id, record in marked.items():
        partial = attempt(report, _partial, path, image_id, record, every, annotated[image_id])
        if partial is not None:
            found[image_id] = partial
    return found


def _is_marked(record: Mapping[str, Any]) -> bool:
    return any(record.get(key) is not None for key in (DONE, NOT_EXHAUSTIVE, ABSENT))


def _partial(
    path: Path,
    image_id: int,
    record: Mapping[str, Any],
    every: frozenset[int],
    annotated: set[int],
) -> tuple[int, ...]:
    """Return the categories of one image of which some objects may not be annotated."""
    absent = _ids(path, image_id, record, ABSENT)
    not_exhaustive = _ids(path, image_id, record, NOT_EXHAUSTIVE)
    done = record.get(DONE)
    if done not in (None, 0, 1):
        raise _problem(
            path,
            image_id,
            f"expected '{DONE}' as true (every object is clicked) or false, found {shown(done)}. "
            "Correct or drop it.",
        )
    partial: set[int] = set()
    if done is not None:
        partial = set() if done else set(every)
    elif record.get(ABSENT) is not None:
        partial = set(every) - annotated
    return tuple(sorted(((partial | not_exhaustive) & every) - (absent - annotated)))


def _ids(path: Path, image_id: int, record: Mapping[str, Any], key: str) -> set[int]:
    value = record.get(key)
    if value is None:
        return set()
    is_ids = isinstance(value, list) and all(
        isinstance(entry, int) and not isinstance(entry, bool) for entry in value
    )
    if not is_ids:
        raise _problem(
            path,
            image_id,
            f"expected '{key}' as a list of category ids, as in LVIS, found {shown(value)}. "
            "Correct or drop it.",
        )
    return set(value)


def _problem(path: Path, image_id: int, message: str) -> RecordError:
    return RecordError(
        path,
        message,
        kind="malformed mark of an image",
        place=f"image {image_id}",
        image_id=image_id,
    )


def moved_marks(record: Mapping[str, Any], moved: Mapping[int, int | None]) -> dict[str, Any]:
    """Return the keys of an image after classes were merged or deleted.

    A merged class is partial where one of its parts was, and absent where all parts were.

    Args:
        record: the image's keys, unchecked.
        moved: classes that are gone, by id, each with the one that took its objects; None for none.
    """
    kept = dict(record)
    if isinstance(ids := record.get(NOT_EXHAUSTIVE), list):
        targets = [moved.get(i, i) if isinstance(i, int) else i for i in ids]
        kept[NOT_EXHAUSTIVE] = [i for i in dict.fromkeys(targets) if i is not None]
    if isinstance(ids := record.get(ABSENT), list):
        present = {into for gone, into in moved.items() if gone not in ids}
        kept[ABSENT] = [i for i in ids if i not in moved and i not in present]
    return kept
