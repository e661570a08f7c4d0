"""Help texts of the commands: the options that matter first, all others on request."""

from __future__ import annotations

import json
import shutil
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from sapnet.commands.command import Command

WIDTH = 100
"""Most columns of a help text; fewer in a narrower terminal."""

MIN_WIDTH = 50

NAME_WIDTH = 28
"""Columns for the names of options; longer ones have their text on the next line."""

VALUE_NAMES: dict[object, str] = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}
"""Placeholders of values by type."""

PLAIN_GROUPS = ("options", "positional arguments")
"""Titles of the groups that argparse makes."""


@dataclass(frozen=True)
class HelpPage:
    """The help of a command.

    Attributes:
        parser: has all options of the command.
        command: summary, examples and main options.
        required: names of the arguments that must be given. (They are read before parsing: while
            it parses, jsonargparse marks no argument as required.)
    """

    parser: ArgumentParser
    command: Command
    required: frozenset[str]

    def usage(self) -> str:
        """Return the usage line, with the arguments that are required."""
        required = [action for action in self.parser._actions if action.dest in self.required]
        ordered = sorted(required, key=lambda action: bool(action.option_strings))
        return " ".join([self.parser.prog, *map(_name, ordered), "[options]"])

    def text(self, *, complete: bool) -> str:
        """Return the help text.

        Args:
            complete: True shows all options, False the main ones.
        """
        examples = "\n".join(map(self._example, self.command.examples))
        parts = [f"usage: {self.usage()}", self.command.summary, f"examples:\n{examples}"]
        shown = [action for action in self.parser._actions if _is_shown(action)]
        main = self.command.main_options
        if complete or not main:
            parts += [self._section(*group) for group in _groups(self.parser, shown)]
        else:
            by_name = {_key(action): action for action in shown}
            parts.append(self._section("options", [by_name[name] for name in main]))
            parts.append(f"`{self.parser.prog} --help-all` shows all {len(shown)} options.")
        return "\n\n".join(parts) + "\n"

    def _example(self, line: str) -> str:
        """Return a command line, continued on further lines where it is long."""
        wrapped = textwrap.wrap(line, _width() - 4, break_on_hyphens=False, break_long_words=False)
        return "  " + " \\\n      ".join(wrapped)

    def _section(self, title: str, actions: Sequence[Action]) -> str:
        """Return a title, and below it each option with its text."""
        width = _width()
        lines = textwrap.wrap(f"{title}:", width, break_on_hyphens=False)
        for action in actions:
            name, text = f"  {_name(action)}", self._description(action)
            wrapped = textwrap.wrap(text, width - NAME_WIDTH - 2, break_on_hyphens=False)
            if len(name) <= NAME_WIDTH:
                first = wrapped.pop(0) if wrapped else ""
                lines.append(f"{name:<{NAME_WIDTH}}  {first}".rstrip())
            else:
                lines.append(name)
            lines += [" " * (NAME_WIDTH + 2) + line for line in wrapped]
        return "\n".join(lines)

    def _description(self, action: Action) -> str:
        """Return the text of an option with its default."""
        text = " ".join(str(action.help or "").replace("%%", "%").split())
        text = text.removesuffix(".") if text.count(". ") == 0 else text
        if action.dest in self.required:
            return f"{text} (required)" if action.option_strings else text
        default = action.default
        if default is None or default in (SUPPRESS, "", [], ()) or action.nargs == 0:
            return text
        return f"{text} (default: {_default(default)})"


def _width() -> int:
    columns = shutil.get_terminal_size((WIDTH, 24)).columns
    return max(MIN_WIDTH, min(WIDTH, columns))


def _is_shown(action: Action) -> bool:
    """Return False for the help options, and for jsonargparse's options of whole groups."""
    is_group = type(action).__name__.startswith("_ActionConfigLoad")
    return not is_group and action.help != SUPPRESS and action.dest not in ("help", "help_all")


def _groups(parser: ArgumentParser, shown: Sequence[Action]) -> list[tuple[str, list[Action]]]:
    """Return the options by group, with a title each; empty groups are left out."""
    groups = [
        (group.title or PLAIN_GROUPS[0], [a for a in group._group_actions if a in shown])
        for group in parser._action_groups
    ]
    return [(_title(title, members), members) for title, members in groups if members]


def _title(title: str, members: Sequence[Action]) -> str:
    """Put the common prefix of a group's options in front of its title."""
    prefix = _key(members[0]).rpartition(".")[0]
    if title in PLAIN_GROUPS or not prefix:
        return title.rstrip(".")
    return f"--{prefix}.*, {title.rstrip('.')}"


def _key(action: Action) -> str:
    """Return the name of an option with dashes, without the leading ones."""
    names = [name[2:] for name in action.option_strings if name.startswith("--")]
    return (names[0] if names else action.dest).replace("_", "-")


def _name(action: Action) -> str:
    """Return the option with a placeholder for its value."""
    value = _value(action)
    if not action.option_strings:
        return value
    return f"--{_key(action)} {value}".rstrip()


def _value(action: Action) -> str:
    """Return the placeholder for the value of an option."""
    if action.nargs == 0 or type(action).__name__ == "_ActionPrintConfig":
        return ""
    if isinstance(action.metavar, str) and action.metavar.isalpha():
        name = action.metavar
    elif action.choices is not None:
        name = _choices(action.choices)
    elif not action.option_strings:
        name = action.dest.upper()
    else:
        name = _value_name(getattr(action, "_typehint", None) or action.type)
    return f"{name} ..." if action.nargs in ("+", "*") else name


def _value_name(kind: object) -> str:
    """Return the placeholder for a value of a type."""
    if kind is bool:
        return "{true,false}"
    if kind in VALUE_NAMES:
        return VALUE_NAMES[kind]
    if get_origin(kind) is Literal:
        return _choices(get_args(kind))
    if get_origin(kind) is tuple:
        return "LIST"
    if get_origin(kind) in (Union, UnionType):
        names = [_value_name(part) for part in get_args(kind) if part is not NoneType]
        return "PATH" if "PATH" in names else names[0]  # str | Path is a path or a URL
    return "VALUE"


def _choices(values: Any) -> str:  # noqa: ANN401  # argparse's
    return "{" + ",".join(map(str, values)) + "}"


def _default(value: object) -> str:
    """Return a default as it may be written on the command line."""
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_default, value)) + "]"
    return str(value)
