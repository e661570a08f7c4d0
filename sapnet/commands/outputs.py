"""Outputs of a command: no file that it reads, none unasked that exists, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.commands.command import WrongUseError
from sapnet.system.lock import locked
from sapnet.system.written_files import check_new_file

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from sapnet.commands.command import Command

OUT = "out"
"""Name of the option of every command that names what is written."""


def check_output_is_no_input(command: Command, args: Namespace) -> None:
    """Refuse to write a file that is one of those that the command reads.

    Args:
        command: names the options of what is written, besides `--out`.
        args: its parsed values.

    Raises:
        WrongUseError: such an option names an existing file that another option names, too.
    """
    for written in {OUT: None, **dict.fromkeys(command.writes)}:
        out = vars(args).get(written)
        if not isinstance(out, str | Path) or not Path(out).is_file():
            continue
        for name, value in _values(vars(args)):
            if name != written and _is_same(Path(value), Path(out)):
                raise WrongUseError(
                    f"--{written}: expected another file than those that are read, found {out}, "
                    f"which is {name.replace('_', '-')}, too. It would be lost"
                )


@contextmanager
def guarded_outputs(command: Command, args: Namespace, parser: ArgumentParser) -> Iterator[None]:
    """Lock the files that a command writes, and refuse those that exist without a request.

    A file that the command names itself, such as a report in the run's folder, is made anew.

    Args:
        command: names the options.
        args: its parsed values.
        parser: knows the options' defaults.

    Raises:
        FileExistsError: a file exists, and `--overwrite` is not given.
        InUseError: another process writes the same file.
    """
    with ExitStack() as held:
        for name in command.writes:
            path = args[name]
            if path is None or path == parser.get_default(name):
                continue
            check_new_file(Path(path), args.overwrite or _is_of_run(command, args, Path(path)))
            held.enter_context(locked(path))
        yield


def _is_of_run(command: Command, args: Namespace, path: Path) -> bool:
    """Return True for the result of a training that the command goes on with."""
    if not command.run_ending:
        return False
    return (args.run or path.with_name(f"{path.stem}{command.run_ending}")).is_dir()


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
