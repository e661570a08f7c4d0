"""Check that a command does not write over a file that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import WrongUseError

if TYPE_CHECKING:
    from jsonargparse import Namespace

OUT = "out"
"""Name of the option of every command that names what is written."""


def check_output_is_no_input(args: Namespace) -> None:
    """Refuse an `--out` that is one of the files that the command reads.

    Args:
        args: parsed values of a command.

    Raises:
        WrongUseError: `--out` names an existing file that another option names, too.
    """
    out = vars(args).get(OUT)
    if not isinstance(out, str | Path) or not Path(out).is_file():
        return
    for name, value in _values(vars(args)):
        if name != OUT and _is_same(Path(value), Path(out)):
            raise WrongUseError(
                f"--out: expected another file than those that are read, found {out}, which is "
                f"{name.replace('_', '-')}, too. It would be lost"
            )


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # no such file, or a text that is no path
        return False


def _values(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str | Path]]:
    """Yield the names and values of all options that may name a file."""
    for name, value in values.items():
        for entry in value if isinstance(value, list | tuple) else (value,):
            if isinstance(entry, str | Path) and entry != "":
                yield prefix + name, entry
            elif hasattr(entry, "__dict__"):
                yield from _values(vars(entry), f"{prefix}{name}.")
