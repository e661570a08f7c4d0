"""Read dataclasses back from json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
"""Any value that survives json unchanged (except that tuples come back as lists)."""

Kind = TypeVar("Kind")


def dataclass_from_json(values: dict[str, Any], kind: type[Kind]) -> Kind:
    """Build a dataclass, with its nested dataclasses, from json values.

    Args:
        values: nested dictionaries, as `dataclasses.asdict` and json give them.
        kind: the dataclass.

    Raises:
        ValueError: a dataclass refuses a value.
    """
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--content", type=kind)
    parsed = parser.parse_object({"content": values})
    built: Kind = parser.instantiate(parsed).content
    return built
