"""Labels, groups and sizes of the regions of a Label Studio task."""

from __future__ import annotations

from typing import Any, TypeGuard

from sapnet.data.formats.fields import Fields
from sapnet.data.formats.signs import LABEL_KEYS
from sapnet.system.outside import MAX_SIDE, is_bounded, is_text

Size = tuple[int, int]
"""Height and width of an image in pixels."""


def region_id(result: Fields) -> str | None:
    """Return the id of a region as text, None if it has none."""
    return _id(result.content.get("id"))


def _id(value: object) -> str | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number or is_text(value) else None


def region_labels(result: Fields) -> list[str]:
    """Return the labels of a region."""
    value = result.content.get("value")
    if not isinstance(value, dict):
        return []
    found: Any = next((value[key] for key in LABEL_KEYS if value.get(key)), [])
    return [label for label in (found if isinstance(found, list) else [found]) if is_text(label)]


def region_groups(results: list[Fields]) -> dict[str, str]:
    """Return a common id for the ids of regions that are nested or related: one object each."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while name in parents:
            parent = parents[name]
            if parent in parents:
                parents[name] = parents[parent]  # shorter ways keep long chains fast
            name = parent
        return name

    contents = [result.content for result in results]
    links = [(_id(r.get("id")), _id(r.get("parentID"))) for r in contents]
    links += [
        (_id(r.get("from_id")), _id(r.get("to_id")))
        for r in contents
        if r.get("type") == "relation"
    ]
    linked: set[str] = set()
    for first, second in links:
        if first and second:
            linked |= {first, second}
            if root(first) != root(second):
                parents[root(first)] = root(second)
    return {name: root(name) for name in linked}


def listed_size(results: list[Fields]) -> Size | None:
    """Return the (height, width) of the first region that has one."""
    for result in results:
        height, width = (result.content.get(f"original_{side}") for side in ("height", "width"))
        if _is_side(height) and _is_side(width):
            return int(height), int(width)
    return None


def _is_side(value: object) -> TypeGuard[float]:
    return is_bounded(value) and 1 <= value <= MAX_SIDE
