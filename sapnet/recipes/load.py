"""Load recipes: YAML files of settings, named by path or by the name of one that ships.

`base: other.yaml` at the top of a recipe, beside it or below it, names the recipe it changes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

BASE_KEY = "base"

FOLDER = Path(__file__).parent
"""The recipes that ship with the package; a recipe's name is its path here, without `.yaml`."""


def recipe_names() -> list[str]:
    """List the names of the recipes that ship with the package, in alphabetical order."""
    files = FOLDER.rglob("*.yaml")
    return sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in files)


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
    shipped = FOLDER / f"{name}.yaml"
    if shipped.is_file() and str(name) in recipe_names():
        return shipped
    raise ValueError(
        f"{name}: expected a recipe's file or name, found neither. The names are "
        f"{', '.join(recipe_names())}"
    )


def load_recipe(name: Path | str) -> dict[str, Any]:
    """The settings of a recipe with those of the recipes it builds on.

    Args:
        name: path of the YAML file, or the name of a recipe that ships.

    Returns:
        Nested dictionaries; a recipe's own keys win over those of its base. Lists are replaced
        whole.

    Raises:
        ValueError: a file is missing, is no mapping, or a recipe builds on itself.
    """
    return _load(find_recipe(name), ())


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
    return merge_settings(_load(path.parent / str(base), (*above, path)), content)


def merge_settings(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the changes; groups of settings are merged key by key."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        both_groups = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge_settings(old, value) if both_groups else value  # type: ignore[arg-type]
    return merged
