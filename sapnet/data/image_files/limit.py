"""The largest image that is read: Pillow's limit, or the one that the user sets.

Pillow keeps its limit in a variable of the process. Ours travels in an environment variable, so
that the processes that load images have it, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

VARIABLE = "SAPNET_MAX_PIXELS"
"""Environment variable with the limit in pixels."""

_PILLOW_PIXELS = Image.MAX_IMAGE_PIXELS or 0
_ERROR_FACTOR = 2  # Pillow refuses from twice its limit on, and only warns below


def given_limit() -> int | None:
    """Return the user's limit; None where Pillow's own holds.

    Raises:
        ValueError: the environment variable is no number of pixels.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return None
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(
            f"{VARIABLE}: expected a number of pixels, at least 1, found {value!r}. Correct the "
            "environment variable, or unset it."
        )
    return int(value)


def max_pixels() -> int:
    """Return the largest number of pixels of an image that is read."""
    given = given_limit()
    return _ERROR_FACTOR * _PILLOW_PIXELS if given is None else given


def apply_limit() -> None:
    """Hand the user's limit to Pillow; without one, its own stays."""
    given = given_limit()
    if given is not None:
        Image.MAX_IMAGE_PIXELS = given


@contextmanager
def allowing_pixels(limit: int | None) -> Iterator[None]:
    """Read images of up to this number of pixels, in this process and those it starts.

    Args:
        limit: pixels, at least 1; None leaves the limit as it is.

    Raises:
        ValueError: the limit is less than 1.
    """
    if limit is None:
        yield
        return
    if limit < 1:
        raise ValueError(f"max_pixels: expected at least 1, found {limit}")
    before, pillow = os.environ.get(VARIABLE), Image.MAX_IMAGE_PIXELS
    os.environ[VARIABLE] = str(limit)
    apply_limit()
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
        Image.MAX_IMAGE_PIXELS = pillow
