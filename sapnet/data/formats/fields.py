"""Json objects of foreign files whose values are checked as they are read.

Every reader asks for its values here, so that all messages have one form: file, record, key,
expected and found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sapnet.data.formats.points import Point
from sapnet.data.problems import RecordError
from sapnet.system.outside import (
    LARGEST_ID,
    MAX_NUMBER,
    MAX_SIDE,
    MAX_TEXT,
    is_bounded,
    is_text,
    shown,
)

NO_CATEGORY = "objects without a category; --default-label gives them one"
"""Advice that readers add to objects that they leave out."""

_ADVICE = "Correct it, or drop the record."
_REQUIRED: Any = object()  # the default of a key that must be there


@dataclass(frozen=True)
class Fields:
    """A json object of a foreign file.

    Attributes:
        path: the file.
        place: the place in the file, in words.
        content: the object; its values are not checked yet.
    """

    path: Path
    place: str
    content: Mapping[str, Any]

    @property
    def where(self) -> str:
        """File name and place, for findings."""
        return f"{self.path.name}, {self.place}" if self.place else self.path.name

    def problem(self, key: str, expected: str) -> RecordError:
        """Return the error for a value, to be raised by the caller."""
        found = shown(self.content[key]) if key in self.content else "no such key"
        detail = f"expected {key!r} as {expected}, found {found}. {_ADVICE}"
        return RecordError(self.path, detail, place=self.place)

    def has(self, key: str) -> bool:
        """Return True if the key is there and its value is not null."""
        return self.content.get(key) is not None

    def number(self, key: str, default: float = _REQUIRED) -> float:
        """Return a finite number; the default if the key is missing or null."""
        if default is not _REQUIRED and not self.has(key):
            return default
        value = self.content.get(key)
        if not is_bounded(value):
            raise self.problem(key, f"a number within +-{MAX_NUMBER:g}")
        return float(value)

    def whole(self, key: str, low: int = -LARGEST_ID, high: int = LARGEST_ID) -> int:
        """Return an integer, such as an id."""
        value = self.content.get(key)
        if type(value) is not int or not low <= value <= high:
            raise self.problem(key, f"an integer from {low} to {high}")
        return value

    def side(self, key: str) -> int:
        """Return the width or height of an image in pixels."""
        value = self.content.get(key)
        if not (is_bounded(value) and value == int(value) and 1 <= value <= MAX_SIDE):
            raise self.problem(key, f"a whole number of pixels from 1 to {MAX_SIDE}")
        return int(value)

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """Return a text that is not empty; the default if there is none."""
        if default is not _REQUIRED and self.content.get(key) in (None, ""):
            return default
        value = self.content.get(key)
        if not is_text(value):
            raise self.problem(key, f"text of at most {MAX_TEXT} characters")
        return value

    def inner(self, key: str) -> Fields:
        """Return the object under a key; an empty one if the key is missing or null."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.problem(key, "an object")
        return Fields(self.path, self.place, value or {})

    def entries(self, key: str) -> list[Any]:
        """Return the list under a key; an empty one if the key is missing or null."""
        value = self.content.get(key)
        if value is not None and not isinstance(value, list):
            raise self.problem(key, "a list")
        return value or []

    def records(self, key: str, name: str) -> list[Fields]:
        """Return the objects of the list under a key, each with the place `name` and number."""
        found = []
        for number, record in enumerate(self.entries(key)):
            if not isinstance(record, dict):
                raise self.problem(key, f"a list of objects (entry {number} is none)")
            place = f"{self.place}, {name} {number}" if self.place else f"{name} {number}"
            found.append(Fields(self.path, place, record))
        return found

    def numbers(self, key: str) -> list[float]:
        """Return a list of finite numbers."""
        values = self.content.get(key)
        if not (isinstance(values, list) and all(map(is_bounded, values))):
            raise self.problem(key, f"a list of numbers within +-{MAX_NUMBER:g}")
        return [float(value) for value in values]

    def points(self, key: str) -> tuple[Point, ...]:
        """Return a list of (x, y)."""
        values = self.content.get(key)
        if not isinstance(values, list) or not all(map(_is_pair, values)):
            raise self.problem(key, "a list of [x, y]")
        return tuple((float(x), float(y)) for x, y in values)


def brief(error: RecordError) -> str:
    """Return what was expected and found, without the advice: for findings."""
    return error.detail.removesuffix(f". {_ADVICE}")


def parse_number(text: str) -> float:
    """Return the number of a text of a csv, xml or YOLO file.

    Raises:
        ValueError: it is no number within `MAX_NUMBER`.
    """
    try:
        number = math.nan if "_" in text else float(text)  # Python alone reads 1_000
    except ValueError:
        number = math.nan
    if not abs(number) <= MAX_NUMBER:
        raise ValueError(f"expected a number within +-{MAX_NUMBER:g}, found {shown(text)}")
    return number


def parse_whole(text: str, low: int, high: int) -> int:
    """Return the whole number of a text of a csv, xml or YOLO file.

    Raises:
        ValueError: it is no whole number from `low` to `high`.
    """
    try:
        number = parse_number(text)
    except ValueError:
        number = math.nan
    if not (low <= number <= high and number.is_integer()):
        raise ValueError(f"expected a whole number from {low} to {high}, found {shown(text)}")
    return int(number)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_bounded, value))
