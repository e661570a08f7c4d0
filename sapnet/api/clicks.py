"""Clicks as users give them in Python: points and classes of the objects of one image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from sapnet.structures.clicks import Category

Points: TypeAlias = "np.ndarray | Tensor | Sequence[Any]"
"""(N, 2) x, y; or a sequence of N entries, each (x, y) or a sequence of several (x, y)."""

NegativePoints: TypeAlias = "Sequence[Any] | None"
"""For each of N objects, (x, y) places off it, none or several; None for no such places at all."""

Boxes: TypeAlias = "np.ndarray | Tensor | Sequence[Any] | None"
"""For each of N objects, its box x1, y1, x2, y2, or None; None for no boxes at all."""

Labels: TypeAlias = "str | int | np.ndarray | Sequence[str] | Sequence[int] | None"
"""The class of each object by name or by index; one for all; or None."""

Point: TypeAlias = tuple[float, float]

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class Classes:
    """Classes of N objects.

    Attributes:
        index: N class indices.
        names: name by class index; None where classes have no names.
    """

    index: tuple[int, ...]
    names: tuple[str, ...] | None


def parse_points(points: Points, image_size: tuple[int, int]) -> list[tuple[Point, ...]]:
    """Read the clicks of the objects of an image.

    Args:
        points: see `Points`.
        image_size: (height, width) of the image.

    Returns:
        For each of N objects, its clicks (x, y), at least one.

    Raises:
        TypeError: the points are no sequence.
        ValueError: the shape is another one, or a point is not a finite place inside the image.
    """
    entries = _as_list(points)
    if not isinstance(entries, list):
        raise TypeError(
            "points: expected one (x, y) per object, such as [(120, 80)], found "
            f"{type(points).__name__}"
        )
    if _is_point(entries):
        raise ValueError(
            "points: expected one (x, y) per object, such as [(120, 80)], found the single point "
            f"{tuple(entries)}. Put it into a list"
        )
    return [_clicks_of_object(f"points[{n}]", entry, image_size) for n, entry in enumerate(entries)]


def parse_negative_points(
    values: NegativePoints, num_objects: int, image_size: tuple[int, int]
) -> list[tuple[Point, ...]]:
    """Read the places that do not belong to the objects.

    Args:
        values: see `NegativePoints`.
        num_objects: N.
        image_size: (height, width) of the image.

    Returns:
        For each of N objects, its negative clicks (x, y), which may be none.

    Raises:
        ValueError: there is not one entry per object, or a point is not a place inside the image.
    """
    name = "negative_points"
    entries = _entries(name, values, num_objects)
    return [
        () if entry in (None, []) else _clicks_of_object(f"{name}[{n}]", entry, image_size)
        for n, entry in enumerate(entries)
    ]


def parse_boxes(
    values: Boxes, clicked: Sequence[tuple[Point, ...]], image_size: tuple[int, int]
) -> list[Box | None]:
    """Read the boxes of the objects, and clip them to the image.

    Args:
        values: see `Boxes`.
        clicked: the clicks of each of N objects.
        image_size: (height, width) of the image.

    Returns:
        For each of N objects, its box xyxy, or None.

    Raises:
        ValueError: there is not one entry per object, or a box is not four numbers round the
            object's first click.
    """
    entries = _entries("boxes", values, len(clicked))
    return [
        None if entry is None else _box(n, entry, points[0], image_size)
        for n, (entry, points) in enumerate(zip(entries, clicked, strict=True))
    ]


def parse_labels(labels: Labels, num_objects: int) -> Classes:
    """Read the classes of objects whose names nobody knows beforehand.

    Args:
        labels: see `Labels`. Names become classes in the order of their first appearance.
        num_objects: N.

    Returns:
        The classes; all of index 0 and without names for None.

    Raises:
        TypeError: a label is neither a name nor an index.
        ValueError: there are more or fewer labels than objects, or an index is negative.
    """
    values = _one_per_object(labels, num_objects)
    if values is None:
        return Classes((0,) * num_objects, None)
    if any(isinstance(value, str) for value in values):
        _check_all_names(values)
        names = tuple(dict.fromkeys(values))
        return Classes(tuple(names.index(value) for value in values), names)
    return Classes(tuple(_index(value, None) for value in values), None)


def find_labels(labels: Labels, num_objects: int, categories: Sequence[Category]) -> Classes:
    """Read the classes of objects among those of a network.

    Args:
        labels: see `Labels`. None only for a network of one class.
        num_objects: N.
        categories: C categories of the network, by label.

    Raises:
        TypeError: a label is neither a name nor an index.
        ValueError: there are more or fewer labels than objects, none for a network of several
            classes, or the network does not know one.
    """
    names = tuple(category.name for category in categories)
    values = _one_per_object(labels, num_objects)
    if values is None:
        if len(names) > 1:
            raise ValueError(
                f"labels: this network tells {len(names)} classes apart ({', '.join(names)}); name "
                "the class of each object"
            )
        return Classes((0,) * num_objects, names)
    if not any(isinstance(value, str) for value in values):
        return Classes(tuple(_index(value, len(names)) for value in values), names)
    _check_all_names(values)
    for value in values:
        if value not in names:
            close = get_close_matches(value, names, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"labels: unknown class {value!r}; the network knows {', '.join(names)}{hint}"
            )
    return Classes(tuple(names.index(value) for value in values), names)


def _entries(name: str, values: object, num_objects: int) -> list[Any]:
    """Return one entry per object, None for each if there are no values."""
    if values is None:
        return [None] * num_objects
    entries = _as_list(values)
    if not isinstance(entries, list) or len(entries) != num_objects:
        found = len(entries) if isinstance(entries, list) else repr(values)
        raise ValueError(
            f"{name}: expected one entry per object, found {found} for {num_objects} objects"
        )
    return [_as_list(entry) for entry in entries]


def _box(n: int, entry: object, point: Point, image_size: tuple[int, int]) -> Box:
    """Read and clip one object's box."""
    if not (isinstance(entry, list) and len(entry) == 4 and all(map(_is_number, entry))):
        raise ValueError(f"boxes[{n}]: expected x1, y1, x2, y2 or None, found {entry!r}")
    x1, y1, x2, y2 = map(float, entry)
    x, y = point
    if not (x1 <= x <= x2 and y1 <= y <= y2 and x1 < x2 and y1 < y2):  # NaN included
        raise ValueError(
            f"boxes[{n}]: expected a box x1, y1, x2, y2 round the object's point ({x:g}, {y:g}), "
            f"found {x1:g}, {y1:g}, {x2:g}, {y2:g}"
        )
    height, width = image_size
    return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))


def _clicks_of_object(place: str, entry: object, image_size: tuple[int, int]) -> tuple[Point, ...]:
    """Read one object's entry of the points; `place` names it in messages."""
    entry = _as_list(entry)
    clicks = [entry] if _is_point(entry) else entry
    if not isinstance(clicks, list) or not clicks or not all(map(_is_point, map(_as_list, clicks))):
        raise ValueError(
            f"{place}: expected (x, y), or a list of (x, y) for one object, found {entry!r}"
        )
    return tuple(_inside(place, _as_list(click), image_size) for click in clicks)


def _inside(place: str, click: Any, image_size: tuple[int, int]) -> Point:  # noqa: ANN401
    """Check that a click lies inside the image."""
    x, y = float(click[0]), float(click[1])
    height, width = image_size
    for name, value, size, side in (("x", x, width, "wide"), ("y", y, height, "high")):
        if not 0 <= value < size:  # NaN included
            raise ValueError(
                f"{place}: {name} = {value:g}, but the image is {size} px {side} (0 <= {name} "
                f"< {size})"
            )
    return x, y


def _as_list(values: object) -> Any:  # noqa: ANN401
    """Convert arrays, tensors and tuples to lists; leave other values as they are."""
    if hasattr(values, "tolist"):
        return values.tolist()
    return list(values) if isinstance(values, tuple) else values


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _one_per_object(labels: Labels, num_objects: int) -> list[Any] | None:
    """Return a label per object, or None."""
    if labels is None:
        return None
    values = _as_list(labels)
    if not isinstance(values, list):
        return [values] * num_objects
    if len(values) != num_objects:
        raise ValueError(
            f"labels: expected one per object, found {len(values)} for {num_objects} objects"
        )
    return values


def _check_all_names(values: Sequence[object]) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"labels: expected names or indices, found names and {value!r}")


def _index(value: object, num_classes: int | None) -> int:
    """Check a class index."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"labels: expected class names or indices, found {value!r}")
    index = int(value)
    limit = math.inf if num_classes is None else num_classes
    if not 0 <= index < limit:
        known = "0 or more" if num_classes is None else f"0 to {num_classes - 1}"
        raise ValueError(f"labels: expected class indices of {known}, found {index}")
    return index
