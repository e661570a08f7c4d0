"""The command line: parse, build the settings, call one library function, say what was written.

Exit status: 0 success, 1 failure, 2 wrong use, 3 something was skipped on request.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sapnet.commands import COMMANDS
from sapnet.commands.command import (
    FAILURE,
    INTERRUPTED,
    SUCCESS,
    WRONG_USE,
    Command,
    WrongUseError,
)
from sapnet.recipes.load import load_recipe
from sapnet.version import __version__

if TYPE_CHECKING:
    from argparse import Action

    from jsonargparse import ArgumentParser, Namespace

PROGRESS_SECONDS = "10"
"""Between two lines of a progress bar, where no terminal shows it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: without the program's name; those of the process if None.

    Returns:
        The exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_overview())
        return SUCCESS if words else WRONG_USE
    if words[0] == "--version":
        print(f"sapnet {__version__}")
        return SUCCESS
    name, *rest = words
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"sapnet: no command {name!r}; expected one of {known}", file=sys.stderr)
        return WRONG_USE
    return _run(name, COMMANDS[name], rest)


def _run(name: str, command: Command, words: list[str]) -> int:
    parser = _parser(name, command, words)
    # OpenMP threads that spin while they wait take the cores from the processes that load images:
    # on two cores of which one is busy, a training step then takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", PROGRESS_SECONDS)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # A line for every request of the hub's client would drown ours.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        return command.run(parser.parse_args(_known_spellings(parser, words)), parser)
    except SystemExit as stop:  # argparse printed help or settings (0) or what was wrong (2)
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print(f"sapnet {name}: stopped; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED
    except WrongUseError as error:
        print(f"sapnet {name}: error: {error}", file=sys.stderr)
        return WRONG_USE
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SUCCESS
    except (ValueError, OSError, FloatingPointError, KeyError, ImportError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"sapnet {name}: error: {message}", file=sys.stderr)
        return FAILURE
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        print(
            f"sapnet {name}: error: torch and torchvision do not fit each other ({error}). "
            "Install both from one source, for instance `pip install --force-reinstall torch "
            "torchvision`",
            file=sys.stderr,
        )
        return FAILURE


def _overview() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {c.summary}" for name, c in COMMANDS.items())
    return (
        f"sapnet {__version__}: one click per object in, masks and a trained segmenter out\n\n"
        f"usage: sapnet COMMAND [options]\n\n{rows}\n\n"
        "`sapnet COMMAND --help` shows a command's options and examples. No data at hand? "
        "`sapnet demo` makes its own."
    )


def _parser(name: str, command: Command, words: list[str]) -> ArgumentParser:
    from argparse import RawDescriptionHelpFormatter

    from jsonargparse import ArgumentParser, DefaultHelpFormatter

    class HelpFormatter(
        RawDescriptionHelpFormatter,
        DefaultHelpFormatter,  # type: ignore[misc]  # untyped for mypy
    ):
        """Keeps the lines of the examples and gives types their everyday names."""

        def _expand_help(self, action: Action) -> str:
            text = str(super()._expand_help(action))
            return text.replace("<class 'Path'>", "path").replace("Path | null", "path or null")

    class Parser(ArgumentParser):  # type: ignore[misc]  # untyped for mypy
        """What it prints with `--print_config` is complete."""

        def dump(self, cfg: Namespace, **options: Any) -> str:  # noqa: ANN401  # jsonargparse's
            shown = cfg if command.complete is None else command.complete(self, cfg)
            return str(super().dump(shown, **options))

    examples = "\n".join(f"  {line}" for line in command.examples)
    parser = Parser(
        prog=f"sapnet {name}",
        usage=f"sapnet {name} [options]",
        description=f"{command.summary}\n\nexamples:\n{examples}",
        formatter_class=HelpFormatter,
    )
    command.add_arguments(parser)
    method = _chosen_method(words) if name == "train" else None
    if method == "paper":
        from sapnet.selection.config import paper_selection

        parser.set_defaults({"model.selection": asdict(paper_selection())})
    return parser


def _known_spellings(parser: ArgumentParser, words: list[str]) -> list[str]:
    """The words as the parser knows them.

    Options may be written with dashes where the parser has underscores, or the other way round;
    a bare `--flag` of a setting that is true or false means true.
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
        return f"{found}{equals}{value}"

    return [spell(word, following) for word, following in pairwise([*words, ""])]


def _chosen_method(words: list[str]) -> str | None:
    """The method named by the flags, else by the recipe; the options' defaults depend on it."""
    method, recipe = None, None
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        following = value if equals else (words[place + 1] if place + 1 < len(words) else "")
        if name == "--method":
            method = following
        elif name == "--config":
            recipe = following
    if method is None and recipe is not None:
        try:
            method = load_recipe(recipe).get("method")
        except ValueError:  # the parser meets the same error and reports it
            return None
    return method


def entry_point() -> None:
    """What the installed `sapnet` program calls."""
    sys.exit(main())
