"""The installed version of sapnet, and the type of JSON values; imports no heavy library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
"""Any value that survives json unchanged (tuples come back as lists)."""

UNKNOWN = "unknown"
"""Version of a source tree that is not installed."""


@cache
def installed_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("sapnet")
    except PackageNotFoundError:
        return UNKNOWN
