"""Changes of clicks and corrections since a network has learned from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sapnet.data.matching.objects import is_same_click

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click, ClickSet
    from sapnet.structures.corrections import Correction, Corrections, ReviewedClick

LEAST_SHARE, MOST_SHARE = 1 / 20, 1 / 2
"""Bounds of the length of a training that begins with the round before, as a share of a training
anew."""

NEW_CLASS_SHARE = 1 / 4
"""Least share where there are new classes, whose weights are new."""

FULL_RATE_LENGTH = 1 / 4
"""Length from which such a training has the usual learning rate."""


@dataclass(frozen=True)
class Changes:
    """Numbers of what is new, changed and gone.

    Attributes:
        new_images, changed_images, gone_images: images; those with other clicks count as changed.
        new_objects, changed_objects, gone_objects: objects; changed ones were clicked otherwise.
        new_marks: images that are now marked otherwise as complete or partial, or have other
            regions to ignore.
        decisions: objects whose decision in a review is new or another one.
        new_classes, gone_classes: names.
        num_objects: all objects now.
        num_to_propose: objects of the new and changed images.
    """

    new_images: int = 0
    changed_images: int = 0
    gone_images: int = 0
    new_objects: int = 0
    changed_objects: int = 0
    gone_objects: int = 0
    new_marks: int = 0
    decisions: int = 0
    new_classes: tuple[str, ...] = ()
    gone_classes: tuple[str, ...] = ()
    num_objects: int = 0
    num_to_propose: int = 0

    def __bool__(self) -> bool:
        """True if anything has changed."""
        images = (self.new_images, self.changed_images, self.gone_images, self.new_marks)
        return any(images) or bool(self.decisions) or bool(self.new_classes or self.gone_classes)

    @property
    def length(self) -> float:
        """Length of a training that begins with the network of the round before.

        A share of the steps of a training anew: half the share of the objects that it has not
        learned from as they are now, within bounds. With half of the objects new it is a quarter,
        which came within 0.02 label mIoU of a training anew (docs/results.md).
        """
        learned = self.new_objects + self.changed_objects + self.decisions
        share = min(learned / max(self.num_objects, 1), 1) / 2
        least = NEW_CLASS_SHARE if self.new_classes else LEAST_SHARE
        return min(max(share, least), MOST_SHARE)

    @property
    def rate(self) -> float:
        """Learning rate of that training, as a share of the usual one.

        A few steps at the usual rate disturb more than the new objects teach: they made the labels
        of the other objects worse (docs/results.md). Trainings of a quarter or more keep the rate.
        """
        return min(self.length / FULL_RATE_LENGTH, 1.0)

    def __str__(self) -> str:
        return ", ".join(self._words()) or "nothing of what counts"

    def _words(self) -> Iterator[str]:
        if self.new_images:
            yield f"{_count(self.new_images, 'new image')}"
        if self.changed_images:
            yield f"{_count(self.changed_images, 'image')} with other clicks"
        if self.gone_images:
            yield f"{_count(self.gone_images, 'image')} gone"
        objects = (self.new_objects, self.changed_objects, self.gone_objects)
        if any(objects):
            yield f"{objects[0]} objects new, {objects[1]} changed, {objects[2]} gone"
        if self.new_classes:
            yield f"new classes: {', '.join(self.new_classes)}"
        if self.gone_classes:
            yield f"classes gone: {', '.join(self.gone_classes)}"
        if self.new_marks:
            yield f"{_count(self.new_marks, 'image')} marked otherwise"
        if self.decisions:
            yield f"{_count(self.decisions, 'new decision')} of a review"


def find_changes(
    before: ClickSet | None,
    now: ClickSet,
    decided_before: Corrections | None = None,
    decided_now: Corrections | None = None,
) -> Changes:
    """Compare clicks and corrections with those that a network has learned from.

    Args:
        before: the clicks it has learned from; None where there is no network: all is new.
        now: the clicks of today.
        decided_before: the corrections it has learned from, if any.
        decided_now: the corrections of today, if any.
    """
    images_before = {} if before is None else {i.image_id: i for i in before.images}
    images_now = {image.image_id: image for image in now.images}
    old, new = ({} if s is None else _by_image(s) for s in (before, now))
    fresh = images_now.keys() - images_before.keys()
    changed = {
        image_id
        for image_id in images_now.keys() & images_before.keys()
        if images_now[image_id] != images_before[image_id]
        or new.get(image_id, {}) != old.get(image_id, {})
    }
    marks_before = {} if before is None else before.coverage
    marked = [i for i in images_now.keys() - fresh if marks_before.get(i) != now.coverage.get(i)]
    clicks_before, clicks_now = _flat(old), _flat(new)
    common = clicks_now.keys() & clicks_before.keys()
    moved = {key for key in common if clicks_now[key] != clicks_before[key]}
    added = clicks_now.keys() - clicks_before.keys()
    names_before = [] if before is None else [c.name for c in before.categories]
    names_now = [category.name for category in now.categories]
    decided = _new_decisions(decided_before, decided_now) - moved - added
    return Changes(
        new_images=len(fresh),
        changed_images=len(changed),
        gone_images=len(images_before.keys() - images_now.keys()),
        new_objects=len(added),
        changed_objects=len(moved),
        gone_objects=len(clicks_before.keys() - clicks_now.keys()),
        new_marks=len(marked),
        decisions=len(decided),
        new_classes=tuple(name for name in names_now if name not in names_before),
        gone_classes=tuple(name for name in names_before if name not in names_now),
        num_objects=len(now.clicks),
        num_to_propose=sum(len(new.get(image_id, {})) for image_id in fresh | changed),
    )


def fitting_corrections(
    corrections: Corrections, clicks: ClickSet
) -> tuple[Corrections, tuple[int, ...]]:
    """Leave out decisions about objects that are no longer clicked as they were.

    Decisions are about masks: the classes are those of the clicks, whatever they were before.

    Args:
        corrections: of a review of earlier labels.
        clicks: of today.

    Returns:
        The decisions that are still about an object, and the ids of the others.
    """
    from dataclasses import replace

    today = {click.annotation_id: click for click in clicks.clicks}
    fixed = {
        key: replace(c, click=replace(c.click, category_id=today[key].category_id))
        for key, c in corrections.fixed.items()
        if key in today and _still_fits(c, today[key], corrections.reviewed.get(key))
    }
    deleted = frozenset(
        key
        for key in corrections.deleted
        if key in today and _is_reviewed(corrections.reviewed.get(key), today[key])
    )
    dropped = (corrections.fixed.keys() - fixed.keys()) | (corrections.deleted - deleted)
    fitting = replace(corrections, categories=clicks.categories, fixed=fixed, deleted=deleted)
    return fitting, tuple(sorted(dropped))


def _still_fits(correction: Correction, click: Click, reviewed: ReviewedClick | None) -> bool:
    if click.image_id != correction.click.image_id or not _is_reviewed(reviewed, click):
        return False
    # One that was clicked again in the review has another point than in the clicks file.
    return correction.action == "clicked" or is_same_click(correction.click.point, click.point)


def _is_reviewed(reviewed: ReviewedClick | None, click: Click) -> bool:
    """Return False if a click is known to be another one than that of the review."""
    if reviewed is None:
        return True
    return reviewed.image_id == click.image_id and is_same_click(reviewed.point, click.point)


def _new_decisions(before: Corrections | None, now: Corrections | None) -> set[int]:
    """Return the objects whose decision is another one than before, or taken back."""
    old: dict[int, object] = {}
    new: dict[int, object] = {}
    for found, corrections in ((old, before), (new, now)):
        if corrections is not None:
            found.update({i: c.click for i, c in corrections.fixed.items()})
            found.update(dict.fromkeys(corrections.deleted, "deleted"))
    return {i for i in old.keys() | new.keys() if old.get(i) != new.get(i)}


def _by_image(clicks: ClickSet) -> dict[int, dict[int, Click]]:
    grouped: dict[int, dict[int, Click]] = defaultdict(dict)
    for click in clicks.clicks:
        grouped[click.image_id][click.annotation_id] = click
    return dict(grouped)


def _flat(grouped: Mapping[int, Mapping[int, Click]]) -> dict[int, Click]:
    return {key: click for part in grouped.values() for key, click in part.items()}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
