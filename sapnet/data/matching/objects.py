"""Objects as labels, proposals and corrections number them, and their comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def check_same_objects(first: ObjectList, second: ObjectList) -> None:
    """Check that two files made from the same clicks number them alike.

    Args:
        first: objects, such as those of labels; each has to be in `second`.
        second: objects, such as those of the proposals that the labels were chosen from.

    Raises:
        ValueError: an object is missing, or lies on another image, has another category or another
            click.
    """
    known = {entry.annotation_id: entry for entry in second.objects}
    names = [{i.image_id: i.file_name for i in side.images} for side in (first, second)]
    kinds = [{c.category_id: c.name for c in side.categories} for side in (first, second)]
    for entry in first.objects:
        other = known.get(entry.annotation_id)
        place = f"{first.name}: object {entry.annotation_id}"
        if other is None:
            raise ValueError(
                f"{place} is not in {second.name}. Use files made from the same clicks."
            )
        here = (names[0].get(entry.image_id), kinds[0].get(entry.category_id), entry.point)
        there = (names[1].get(other.image_id), kinds[1].get(other.category_id), other.point)
        same_point = (
            entry.point is None or other.point is None or is_same_click(entry.point, other.point)
        )
        if here[:2] != there[:2] or not same_point:
            raise ValueError(
                f"{place} is {_words(here)} there, but {_words(there)} in {second.name}. Use files "
                "made from the same clicks."
            )


def is_same_click(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return True if two points (x, y) are copies of one click."""
    return max(abs(a - b) for a, b in zip(first, second, strict=True)) <= CLICK_SLACK


def _words(facts: tuple[str | None, str | None, tuple[float, float] | None]) -> str:
    name, kind, point = facts
    at = "" if point is None else f", clicked at ({point[0]:g}, {point[1]:g})"
    return f"on {name or 'an unknown image'} as {kind or 'an unknown category'}{at}"
