"""Settings that were written as json: compared with others, and made dataclasses again."""

from __future__ import annotations

from typing import Any, TypeVar

Kind = TypeVar("Kind")


def differences(found: Any, wanted: Any, name: str = "") -> list[str]:  # noqa: ANN401  # json
    """Where two nested json values differ.

    Args:
        found: what is there.
        wanted: what is asked for now.
        name: of the values, in front of their keys.

    Returns:
        A line for each value that differs, naming its keys and both values.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted(found.keys() | wanted.keys())
        return [
            line
            for key in keys
            for line in differences(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
        ]
    return [] if found == wanted else [f"{name} is {found!r} there and {wanted!r} now"]


def settings_from_json(values: dict[str, Any], kind: type[Kind]) -> Kind:
    """Return a checked settings dataclass from the json of one.

    Args:
        values: nested dictionaries, as `dataclasses.asdict` and json gave them.
        kind: the dataclass.
    """
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--settings", type=kind)
    parsed = parser.parse_object({"settings": values})
    built: Kind = parser.instantiate(parsed).settings
    return built
