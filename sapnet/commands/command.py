"""What a sub-command is, the exit statuses, and how parsed values become settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sapnet.recipes.load import load_recipe

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

SUCCESS, FAILURE, WRONG_USE, SKIPPED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses."""


class WrongUseError(ValueError):
    """A setting or a combination of options that makes no sense, found before any work."""


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Attributes:
        summary: what it does, for the overview.
        add_arguments: declares its options.
        run: does it, and returns the exit status.
        examples: command lines for its help.
        complete: fills in what `--print_config` is to show beyond the options' values; takes the
            parser and the values, returns new values.
    """

    summary: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace, ArgumentParser], int]
    examples: tuple[str, ...]
    complete: Callable[[ArgumentParser, Namespace], Namespace] | None = None


def instantiate(parser: ArgumentParser, values: Namespace, kind: type[Any]) -> Any:  # noqa: ANN401
    """A settings dataclass from the parsed values of its fields.

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
    """The parsed values with every nested dataclass built.

    Raises:
        WrongUseError: a dataclass refuses a value.
    """
    try:
        return parser.instantiate(values)
    except ValueError as error:
        raise WrongUseError(error) from error


def add_model_arguments(parser: ArgumentParser, *, required: bool = True) -> None:
    """The options of every command that uses a trained network."""
    run_type = str if required else str | None
    parser.add_argument("--run", type=run_type, required=required, help="run folder, or a hub name")
    parser.add_argument("--device", type=str, default="auto", help="auto, cpu, cuda or mps")


def add_recipe_argument(parser: ArgumentParser) -> None:
    """The option that reads settings from a recipe."""
    parser.add_argument(
        "--config",
        action=_recipe_action(),
        help="recipe as YAML, which may name another one as its `base`; flags after it win",
    )


def _recipe_action() -> type[Any]:
    """What `--config` does: apply a recipe, and before it those it builds on."""
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
            except ValueError as error:  # what the parser turns into an error of wrong use
                raise TypeError(str(error)) from error
            super().__call__(parser, cfg, yaml.safe_dump(settings), option_string)

    return RecipeAction
