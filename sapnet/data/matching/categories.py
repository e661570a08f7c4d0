"""Categories of one file found in another: names decide, ids are checked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sapnet.structures.clicks import Category


@dataclass(frozen=True)
class CategoryMatch:
    """Categories of one file by those of another.

    Attributes:
        ids: id in the one file by the id in the other.
        note: line for the user where ids differ; empty where they are the same.
    """

    ids: Mapping[int, int] = field(default_factory=dict)
    note: str = ""


def match_categories(
    wanted: Iterable[Category], known: Sequence[Category], source: str, target: str
) -> CategoryMatch:
    """Find categories by name.

    Args:
        wanted: the categories of one file that are in use.
        known: all categories of the other file.
        source: description of the file of `wanted`, for messages.
        target: description of the file of `known`.

    Raises:
        ValueError: a category is not known, its id has another name there, or its name stands for
            several categories.
    """
    by_name: dict[str, list[Category]] = {}
    for category in known:
        by_name.setdefault(_key(category.name), []).append(category)
    by_id = {category.category_id: category for category in known}
    found: dict[int, Category] = {}
    for category in wanted:
        same = by_name.get(_key(category.name), [])
        chosen = _one_of(same, category)
        if chosen is None:
            raise ValueError(_refusal(category, same, by_id, source, target))
        found[category.category_id] = chosen
    _check_distinct(found, source, target)
    moved = [
        f"{c.name!r} ({i} and {c.category_id})" for i, c in found.items() if i != c.category_id
    ]
    note = ""
    if moved:
        note = (
            f"{source} and {target} number the categories differently; they are matched by name: "
            f"{', '.join(moved[:5])}{', ...' if len(moved) > 5 else ''}"
        )
    return CategoryMatch({i: c.category_id for i, c in found.items()}, note)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _one_of(same: Sequence[Category], category: Category) -> Category | None:
    """Return the category of the same name; of several, the one of the same id."""
    if len(same) == 1:
        return same[0]
    return next((c for c in same if c.category_id == category.category_id), None)


def _refusal(
    category: Category,
    same: Sequence[Category],
    by_id: Mapping[int, Category],
    source: str,
    target: str,
) -> str:
    number, name = category.category_id, category.name
    if same:
        ids = ", ".join(str(c.category_id) for c in same)
        return (
            f"category {number} ({name!r}) of {source}: {target} has this name several times "
            f"({ids}). Give each category a name of its own."
        )
    if number in by_id:
        return (
            f"category {number} is {name!r} in {source} and {by_id[number].name!r} in {target}. "
            "Use files of the same categories, or give them the same names."
        )
    listed = ", ".join(f"{c.name!r} ({c.category_id})" for c in list(by_id.values())[:5])
    return (
        f"category {name!r} ({number}) of {source} is not in {target}, which has {listed or 'none'}"
        f"{', ...' if len(by_id) > 5 else ''}. Use files of the same categories, or list it there."
    )


def _check_distinct(found: Mapping[int, Category], source: str, target: str) -> None:
    first_of: dict[int, int] = {}
    for number, category in found.items():
        first = first_of.setdefault(category.category_id, number)
        if first != number:
            raise ValueError(
                f"{source}: the categories {first} and {number} are both named {category.name!r}, "
                f"which {target} has once. Make them one category."
            )
