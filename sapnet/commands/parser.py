"""The parser of a command: its options, their spellings, and the recipes below them."""

from __future__ import annotations

import re
from argparse import SUPPRESS, Action
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args, get_origin

from sapnet.commands.complaints import describe_mistake
from sapnet.commands.help import HelpPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonargparse import ArgumentParser, Namespace

    from sapnet.commands.command import Command

PRINT_CONFIG = "--print_config"

OVERWRITE = "--overwrite"
"""Option of every command that writes one file."""

_NUMBERS = re.compile(r"-?[\d.]+(e-?\d+)?(\s*,\s*-?[\d.]+(e-?\d+)?)*")
"""Numbers, separated by commas."""


def build_parser(name: str, command: Command) -> ArgumentParser:
    """Build the parser of a command.

    Args:
        name: name of the command.
        command: its options, examples and what `--print-config` completes.
    """
    import jsonargparse

    class HelpAll(Action):
        """Option that prints the complete help."""

        def __call__(self, parser: ArgumentParser, *_: object) -> None:
            print(page.text(complete=True), end="")
            parser.exit()

    class Parser(jsonargparse.ArgumentParser):  # type: ignore[misc]  # untyped for mypy
        """Parser with our help, whose `--print-config` prints complete settings."""

        def format_help(self) -> str:
            return page.text(complete=False)

        def dump(self, cfg: Namespace, **options: Any) -> str:  # noqa: ANN401  # jsonargparse's
            shown = cfg if command.complete is None else command.complete(self, cfg)
            return str(super().dump(shown, **options))

        def error(self, message: str, ex: Exception | None = None) -> None:
            hints = {action.dest: getattr(action, "_typehint", None) for action in self._actions}
            known = {name: hint for name, hint in hints.items() if hint is not None}
            super().error(describe_mistake(message, known), ex)

    parser = Parser(prog=f"sapnet {name}")
    command.add_arguments(parser)
    if command.writes and OVERWRITE not in parser._option_string_actions:
        parser.add_argument(OVERWRITE, action="store_true", help="replace a file that exists")
    for action in parser._actions:
        if type(action).__name__ == "_ActionPrintConfig":
            action.help = "print the settings as YAML, for use as a recipe, and stop"
    parser.add_argument("--help-all", action=HelpAll, nargs=0, default=SUPPRESS, help="all options")
    required = frozenset(action.dest for action in parser._actions if action.required)
    page = HelpPage(parser, command, required)
    parser.usage = page.usage()
    return parser


def parse(parser: ArgumentParser, command: Command, words: Sequence[str]) -> Namespace:
    """Parse the words of a command line.

    The recipes that a command adds, such as that of a method, come before all words: everything
    that is given replaces their settings.

    Args:
        parser: built by `build_parser`.
        command: the command.
        words: what follows the name of the command.

    Raises:
        SystemExit: the words make no sense (status 2), or help or settings were printed (0).
    """
    known = known_spellings(parser, words)
    if command.recipes is None:
        return parser.parse_args(known)
    silent = [word for word in known if not word.startswith(PRINT_CONFIG)]
    given = parser.parse_args(silent)
    recipes = command.recipes(given)
    if not recipes and silent == known:
        return given
    return parser.parse_args([*(f"--config={recipe}" for recipe in recipes), *known])


def known_spellings(parser: ArgumentParser, words: Sequence[str]) -> list[str]:
    """Return the words in the spelling of the parser.

    Options may be written with dashes where the parser has underscores, or the other way round.
    A bare `--flag` of a setting that is true or false means true, and a bare number of a setting of
    several numbers is a list of one.
    """
    known = parser._option_string_actions

    def spell(word: str, following: str) -> str:
        name, equals, value = word.partition("=")
        if not name.startswith("--"):
            return word
        spellings = (name[2:], name[2:].replace("-", "_"), name[2:].replace("_", "-"))
        found = next((f"--{other}" for other in spellings if f"--{other}" in known), None)
        if found is None:
            return word
        is_bare = not equals and (not following or following.startswith("--"))
        if is_bare and getattr(known[found], "_typehint", None) is bool:
            return f"{found}=true"
        return f"{found}{equals}{_as_list(value) if equals and takes_list(found) else value}"

    def takes_list(option: str) -> bool:
        return _is_list_of_any_length(getattr(known.get(option), "_typehint", None))

    spelled = [spell(word, following) for word, following in pairwise([*words, ""])]
    return [
        _as_list(word) if takes_list(before) and not word.startswith("--") else word
        for before, word in pairwise(["", *spelled])
    ]


def _is_list_of_any_length(hint: object) -> bool:
    """Return True for `tuple[int, ...]` and the like, which are written in brackets."""
    return any(
        get_origin(kind) is tuple and get_args(kind)[-1:] == (Ellipsis,)
        for kind in (hint, *get_args(hint))
    )


def _as_list(word: str) -> str:
    """Put brackets around numbers that have none."""
    return f"[{word}]" if _NUMBERS.fullmatch(word) else word
