"""Objects as labels, proposals and corrections number them, and their comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sapnet.structures.clicks import Category, ImageRecord

CLICK_SLACK = 0.01
"""Pixels between two copies of one click: stores keep coordinates as float32."""


@dataclass(frozen=True)
class NumberedObject:
    """An object as labels or proposals know it.

    Attributes:
        annotation_id: its id there.
        image_id: id of its image there.
        category_id: id of its category there.
        point: (x, y) of its click, original frame; None if unknown.
    """

    annotation_id: int
    image_id: int
    category_id: int
    point: tuple[float, float] | None = None


@dataclass(frozen=True)
class ObjectList:
    """The objects of labels or proposals, with the images and categories that they refer to.

    Attributes:
        name: description for messages, such as "the labels".
        images: the images.
        categories: the categories.
        objects: the objects.
    """

    name: str
    images: tuple[ImageRecord, ...]
    categories: tuple[Category, ...]
    objects: tuple[NumberedObject, ...]

    @cached_property
    def file_names(self) -> dict[int, str]:
        """File names by image id."""
        return {image.image_id: image.file_name for image in self.images}

    @cached_property
    def category_names(self) -> dict[int, str]:
        """Names by category id."""
        return {category.category_id: category.name for category in self.categories}


def check_same_objects(first: ObjectList, second: ObjectList) -> None:
    """Check that two files made from the same clicks number them alike.

    A click may differ, as an object may have been clicked again in review, but it must not be that
    of another object of its image and category.

    Args:
        first: objects, such as those of labels; each has to be in `second`.
        second: objects, such as those of the proposals that the labels were chosen from.

    Raises:
        ValueError: an object is missing, lies on another image or has another category, or has the
            click of another object.
    """
    known = {entry.annotation_id: entry for entry in second.objects}
    clicked = {
        (_place(entry, second), _rounded(entry.point)): entry.annotation_id
        for entry in second.objects
        if entry.point is not None
    }
    for entry in first.objects:
        other = known.get(entry.annotation_id)
        start = f"{first.name}: object {entry.annotation_id}"
        if other is None:
            raise ValueError(
                f"{start} is not in {second.name}. Use files made from the same clicks."
            )
        here, there = _place(entry, first), _place(other, second)
        if here != there:
            raise ValueError(
                f"{start} is {_words(here)} there, but {_words(there)} in {second.name}. Use files "
                "made from the same clicks."
            )
        if entry.point is None or other.point is None or is_same_click(entry.point, other.point):
            continue
        rival = clicked.get((here, _rounded(entry.point)), entry.annotation_id)
        if rival != entry.annotation_id:
            raise ValueError(
                f"{start} has the click ({entry.point[0]:g}, {entry.point[1]:g}), which is that of "
                f"object {rival} in {second.name}. Use files made from the same clicks."
            )


def _place(entry: NumberedObject, listed: ObjectList) -> tuple[str, str]:
    """Return the names of an object's image and category."""
    return listed.file_names[entry.image_id], listed.category_names[entry.category_id]


def _words(place: tuple[str, str]) -> str:
    return f"on {place[0]} as {place[1]}"


def _rounded(point: Sequence[float]) -> tuple[float, float]:
    return round(point[0], 1), round(point[1], 1)


def is_same_click(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return True if two points (x, y) are copies of one click."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True)) <= CLICK_SLACK
