"""Options of the functions of the Python API, filled into the settings of the commands."""

from __future__ import annotations

import re
from argparse import ArgumentError
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypedDict, TypeVar, get_type_hints

from sapnet.proposals.config import Precision

Kind = TypeVar("Kind")

_KEY = re.compile(r'Parser key "([^"]+)"')


class ProposerOptions(TypedDict, total=False):
    """Options of the proposers, see `ProposeConfig`."""

    num_proposals: int | None
    checkpoint: str | None
    device: str
    precision: Precision
    points_per_chunk: int | None


def check_names(call: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise a TypeError for the first option that a function does not have.

    Args:
        call: name of the function, with that of a group of settings if there is one.
        given: names of the options.
        known: names that the function knows.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            close = get_close_matches(name, names, 1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(names)}"
            raise TypeError(f"{call} has no option {name!r}; {hint}")


def plain_values(values: object) -> Any:  # noqa: ANN401  # json
    """Convert settings to plain values: dataclasses to dictionaries, paths to text."""
    if is_dataclass(values) and not isinstance(values, type):
        return plain_values(asdict(values))
    if isinstance(values, Mapping):
        return {name: plain_values(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain_values(value) for value in values]
    return str(values) if isinstance(values, Path) else values


def fill(call: str, kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Build a settings dataclass from the options of a function.

    Args:
        call: name of the function, for messages.
        kind: the dataclass; its defaults hold for what is not given.
        values: options by name; a group of settings is a dictionary or its dataclass.

    Raises:
        TypeError: an option is unknown.
        ValueError: a value is of another kind, or the dataclass refuses it.
    """
    from jsonargparse import ArgumentParser

    plain = plain_values(values)
    _check_groups(call, kind, plain)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, None)
    try:
        parsed = parser.parse_object(plain)
    except ArgumentError as error:
        raise ValueError(f"{call}: {_complaint(kind, plain, str(error))}") from error
    built = parser.instantiate(parsed)
    return kind(**vars(built))


def _check_groups(call: str, kind: type[Any], values: Mapping[str, Any]) -> None:
    """Check the names of all options, those in groups of settings included."""
    hints = get_type_hints(kind)
    check_names(call, values, (field.name for field in fields(kind)))
    for name, value in values.items():
        if not is_dataclass(hints[name]) or value is None:
            continue
        if not isinstance(value, Mapping):
            raise ValueError(
                f"{call}: {name}: expected a dictionary or {hints[name].__name__}, found {value!r}"
            )
        _check_groups(f"{call}: {name}", hints[name], value)


def _complaint(kind: type[Any], values: Any, message: str) -> str:  # noqa: ANN401  # json
    """Say in one sentence which value is wrong and what is expected."""
    found = _KEY.search(message)
    if found is None:
        return " ".join(message.split())
    *groups, name = found[1].split(".")
    for group in groups:
        kind, values = get_type_hints(kind)[group], values[group]
    return f"{found[1]}: expected {_type_name(get_type_hints(kind)[name])}, found {values[name]!r}"


def _type_name(hint: object) -> str:
    """Describe a type in words, such as "int or None" or "'local' or 'ray'"."""
    text = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    text = re.sub(r"typing\.Literal\[(.*?)\]", lambda found: found[1].replace(", ", " or "), text)
    return text.replace("pathlib.", "").replace(" | ", " or ")
