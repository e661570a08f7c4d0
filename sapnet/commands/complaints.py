"""Messages on values that an option does not take, in plain words."""

from __future__ import annotations

import re
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Literal, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = re.compile(r'Parser key "([^"]+)":')
_VALUE = re.compile(r"(?:Got|Given) value: (.*)")


def describe_mistake(message: str, hints: Mapping[str, object]) -> str:
    """Say in one line which option has a wrong value and what is expected.

    Args:
        message: of jsonargparse.
        hints: type of each option that has one, by its name with dots.

    Returns:
        The line; the message as it is, if it is on something else.
    """
    keys, values = _KEY.findall(message), _VALUE.findall(message)
    if not keys or not values or keys[-1] not in hints:
        return message
    option = keys[-1].replace("_", "-")
    return f"--{option}: expected {describe_type(hints[keys[-1]])}, found {values[-1]}"


def describe_type(hint: object) -> str:
    """Describe the values of a type, such as "a whole number" or "auto, 32 or bf16"."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if get_origin(hint) is Literal:
        return _either(list(map(str, get_args(hint))))
    if get_origin(hint) in (tuple, list):
        kind = get_args(hint)[0]
        return {int: "whole numbers, such as [1, 2]", float: "numbers, such as [0.5, 1]"}.get(
            kind, f"a list, each {describe_type(kind)}"
        )
    if kinds:  # a union
        return _either([describe_type(kind) for kind in kinds])
    known = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if isinstance(hint, type) and issubclass(hint, Path):
        return "a path"
    return known.get(hint, getattr(hint, "__name__", str(hint)))  # type: ignore[call-overload, no-any-return]  # any hint


def _either(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
