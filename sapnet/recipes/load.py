"""Load recipes: YAML files of settings, given by path or by the name of one that ships.

Two keys at the top of a recipe build on other recipes. `base: other.yaml` names the recipe that
this one changes: a file beside it or below it, or a shipped one. `method: paper` puts the selection
of the paper below all other settings; a recipe that changes this one may name another method.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

BASE_KEY = "base"
METHOD_KEY = "method"

METHODS: dict[str, str | None] = {"sapnet+": None, "paper": "paper"}
"""Methods of selection, with the recipe that holds their settings. `sapnet+` is the default."""

FOLDER = Path(__file__).parent
"""Folder of the shipped recipes; the name of a recipe is its path here, without `.yaml`."""


def recipe_names() -> list[str]:
    """List the names of the recipes that ship with the package, in alphabetical order."""
    files = FOLDER.rglob("*.yaml")
    return sorted(path.relative_to(FOLDER).as_posix().removesuffix(".yaml") for path in files)


def find_recipe(name: Path | str) -> Path:
    """Return the file of a recipe that is given by its path or by its name.

    Args:
        name: path of a YAML file, or a name of `recipe_names`.

    Raises:
        ValueError: there is neither such a file nor a recipe of that name.
    """
    path = Path(name)
    if path.is_file():
        return path
    if str(name) in recipe_names():
        return FOLDER / f"{name}.yaml"
    raise ValueError(
        f"{name}: expected a recipe's file or name, found neither. The names are "
        f"{', '.join(recipe_names())}"
    )


def load_recipe(name: Path | str) -> dict[str, Any]:
    """Load the settings of a recipe, including those of its bases.

    Args:
        name: path of the YAML file, or the name of a recipe that ships.

    Returns:
        Nested dictionaries. A recipe's own keys replace those of its base; lists are replaced as a
        whole. The key `method` stays; `with_method` adds the settings that it stands for.

    Raises:
        ValueError: a file is missing, is no mapping, or a recipe builds on itself.
    """
    return _load(find_recipe(name), ())


def with_method(settings: dict[str, Any], method: str | None = None) -> dict[str, Any]:
    """Put the settings of a method below the settings of a recipe.

    Args:
        settings: nested dictionaries, as `load_recipe` returns them.
        method: name of the method; None for the one that the settings name.

    Returns:
        The settings without the key `method`.

    Raises:
        ValueError: there is no such method.
    """
    own = {key: value for key, value in settings.items() if key != METHOD_KEY}
    method = method or settings.get(METHOD_KEY) or next(iter(METHODS))
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, found {method!r}")
    recipe = METHODS[method]
    if recipe is None:
        return own
    below = {key: value for key, value in load_recipe(recipe).items() if key != METHOD_KEY}
    return merge_settings(below, own)


def _load(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    import yaml

    origin = f" (base of {above[-1]})" if above else ""
    if path.resolve() in {other.resolve() for other in above}:
        chain = " -> ".join(str(other) for other in (*above, path))
        raise ValueError(f"{path}: a recipe cannot build on itself: {chain}. Remove one `base`.")
    if not path.is_file():
        raise ValueError(f"{path}{origin}: expected a recipe, found no such file.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}{origin}: expected YAML, found {error}") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"{path}{origin}: expected settings by name, found {type(content).__name__}. See the "
            "files of `sapnet/recipes/`."
        )
    base = content.pop(BASE_KEY, None)
    if base is None:
        return content
    return merge_settings(_load(_base_file(path, str(base)), (*above, path)), content)


def _base_file(recipe: Path, base: str) -> Path:
    """Return the file of a base: beside the recipe, or else a shipped one of that name."""
    beside = recipe.parent / base
    if not beside.is_file() and base in recipe_names():
        return FOLDER / f"{base}.yaml"
    return beside


def merge_settings(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the changes; groups of settings are merged key by key."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        both_groups = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge_settings(old, value) if both_groups else value  # type: ignore[arg-type]
    return merged
