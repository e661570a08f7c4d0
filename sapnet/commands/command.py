"""Sub-commands: their parts, exit statuses, and settings from parsed values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sapnet.recipes.load import load_recipe

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

SUCCESS, FAILURE, WRONG_USE, SKIPPED = 0, 1, 2, 3
"""Exit statuses; an interrupted command has 128 and the number of the signal."""


class WrongUseError(ValueError):
    """Error in the options or their combination, found before any work."""


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        summary: short description, for the overview and the help.
        add_arguments: declares the options.
        run: does the work, and returns the exit status.
        examples: command lines for the help.
        main_options: names of the options that the short help shows, at most ten; all if empty.
        complete: fills in settings for `--print-config` beyond the values of the options; takes
            the parser and the values, returns new values.
        recipes: names the recipes whose settings come below everything that is given; takes the
            values.
        writes: options that name a file to write. It is locked meanwhile, and an existing one is
            replaced with `--overwrite` only, which such a command has.
        run_ending: of the name of the training's folder beside such a file, unless `--run` names
            it; where the folder is there, the file is its result and is made anew.
        kept: what an interrupted command leaves; the same command goes on with it, or replaces it.
    """

    summary: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, ArgumentParser], int]
    examples: tuple[str, ...]
    main_options: tuple[str, ...] = ()
    complete: Callable[[ArgumentParser, Namespace], Namespace] | None = None
    recipes: Callable[[Namespace], list[str]] | None = None
    writes: tuple[str, ...] = ()
    run_ending: str = ""
    kept: str = "what was there before, unchanged"


def instantiate(parser: ArgumentParser, values: Namespace, kind: type[Any]) -> Any:  # noqa: ANN401
    """Build a settings dataclass from the parsed values of its fields.

    Raises:
        WrongUseError: the settings refuse a value.
    """
    names = {field.name for field in fields(kind)}
    built = instantiated(parser, values)
    try:
        return kind(**{k: v for k, v in vars(built).items() if k in names})
    except ValueError as error:
        raise WrongUseError(error) from error


def instantiated(parser: ArgumentParser, values: Namespace) -> Any:  # noqa: ANN401
    """Return the parsed values with every nested dataclass built.

    Raises:
        WrongUseError: a dataclass refuses a value.
    """
    try:
        return parser.instantiate(values)
    except ValueError as error:
        raise WrongUseError(error) from error


def add_model_arguments(parser: ArgumentParser, *, required: bool = True) -> None:
    """Add the options of every command that uses a trained network."""
    run_type = str if required else str | None
    parser.add_argument(
        "--run",
        type=run_type,
        required=required,
        metavar="RUN",
        help="run folder of sapnet train, or a name on the Hugging Face hub",
    )
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda, cuda:N or mps")


def add_recipe_argument(parser: ArgumentParser) -> None:
    """Add the option that reads settings from a recipe."""
    parser.add_argument(
        "--config",
        action=_recipe_action(),
        metavar="RECIPE",
        help="settings from a YAML file, or from a recipe that ships, by its name; options after "
        "it replace its settings",
    )


def _recipe_action() -> type[Any]:
    """Return the action of `--config`: apply a recipe, with the recipes that it builds on."""
    import yaml
    from jsonargparse import ActionConfigFile

    class RecipeAction(ActionConfigFile):  # type: ignore[misc]  # untyped for mypy
        def __call__(
            self,
            parser: ArgumentParser,
            cfg: Namespace,
            values: str,
            option_string: str | None = None,
        ) -> None:
            try:
                settings = load_recipe(values)
            except ValueError as error:  # the parser turns a TypeError into an error of wrong use
                raise TypeError(str(error)) from error
            super().__call__(parser, cfg, yaml.safe_dump(settings), option_string)

    return RecipeAction
