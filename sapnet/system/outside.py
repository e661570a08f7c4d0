"""Values from outside: limits, checks, and short texts of them for messages."""

from __future__ import annotations

import reprlib
from typing import TypeGuard

MAX_NUMBER = 1e9
"""Largest number that is taken, far beyond any image: products of two stay finite."""

LARGEST_ID = 2**63 - 1
"""Largest id and size: files of proposals hold 64-bit integers."""

MAX_SIDE = 1_000_000
"""Longest side of an image, in pixels."""

MAX_PIXELS = 2**32 - 1
"""Most pixels of an image: run lengths are counted in 32 bits."""

MAX_TEXT = 1_000
"""Longest name of an image or a category, in characters."""


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxdict = self.maxlist = self.maxtuple = 3
        self.maxstring = self.maxlong = self.maxother = 60


def shown(value: object) -> str:
    """Return a value as text of bounded length, however large or deep it is."""
    return _Short().repr(value)


def is_bounded(value: object) -> TypeGuard[float]:
    """Return True if a json value is a number within `MAX_NUMBER`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -MAX_NUMBER <= value <= MAX_NUMBER


def is_text(value: object) -> TypeGuard[str]:
    """Return True if a value is a name: text that is not empty, and can be written as UTF-8."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return False
    if len(value) > MAX_TEXT:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
