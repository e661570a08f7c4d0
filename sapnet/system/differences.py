"""Describe the differences between two sets of settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LINE = "{name} is {found!r} there and {wanted!r} now"
"""Text of one difference."""

_LONGEST = 200
"""Characters of a value that a line shows."""


class _Short:
    """A value whose text is cut where it is long."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return _cut(repr(self._value))

    def __str__(self) -> str:
        return _cut(str(self._value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def differences(
    found: Any,  # noqa: ANN401  # json
    wanted: Any,  # noqa: ANN401  # json
    name: str = "",
    line: str = LINE,
) -> list[str]:
    """List the values in which two nested json values differ.

    Args:
        found: the values that are stored.
        wanted: the values of this run.
        name: name of the values; the keys of a mapping are appended to it.
        line: text of one difference, with places for `name`, `found` and `wanted`.

    Returns:
        One line for each value that differs, with its dotted name and both values, in
        alphabetical order of the names. Empty if the values are equal.
    """
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = sorted(found.keys() | wanted.keys())
        return [
            text
            for key in keys
            for text in differences(
                found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."), line
            )
        ]
    return (
        []
        if found == wanted
        else [line.format(name=name, found=_Short(found), wanted=_Short(wanted))]
    )
