"""Changes of the classes while somebody clicks: names, colours, merging, deleting."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from sapnet.annotate.click.click_file import ClickFile
from sapnet.structures.clicks import Category

_LONGEST_NAME = 200


class ClassChange(BaseModel):
    """One change of the classes.

    Attributes:
        action: what is to be done.
        id: the class, of all actions but "add".
        name: of "add" and "rename".
        color: of "recolor".
        into: class that takes the objects, of "merge".
        objects: number of objects that the user was told to be touched, of "merge" and "delete".
    """

    action: Literal["add", "rename", "recolor", "merge", "delete"]
    id: int = 0
    name: str = Field(default="", max_length=_LONGEST_NAME)
    color: str = Field(default="#000000", pattern="^#[0-9a-f]{6}$")
    into: int = 0
    objects: int = 0


def class_routes(file: ClickFile) -> APIRouter:
    """Return the routes of the classes.

    Args:
        file: holds the classes and their objects.
    """
    router = APIRouter(prefix="/api/classes")

    @router.get("")
    def read() -> list[dict[str, Any]]:
        return describe_classes(file)

    @router.post("")
    def change(body: ClassChange) -> list[dict[str, Any]]:
        """Change the classes and save the file; 422 if the change does not fit."""
        change_classes(file, body)
        return describe_classes(file)

    return router


def describe_classes(file: ClickFile) -> list[dict[str, Any]]:
    """Return the classes with their colours and numbers of objects, as json values."""
    counts = _count_objects(file)
    return [
        {
            "id": category.category_id,
            "name": category.name,
            "color": file.colors.get(category.category_id),
            "objects": counts[category.category_id],
        }
        for category in file.categories
    ]


def change_classes(file: ClickFile, change: ClassChange) -> None:
    """Make one change and save the file.

    Raises:
        ValueError: the class is unknown, the name is empty or taken, or the number of objects is
            not the one that the user was told.
        OSError: the file cannot be written.
    """
    before = {category.category_id: category for category in file.categories}
    if change.action == "add":
        new = Category(max(before, default=0) + 1, _new_name(change, before))
        file.replace_classes((*file.categories, new))
        return
    if change.id not in before:
        raise ValueError(f"expected a class of {sorted(before)}, found {change.id}")
    if change.action == "rename":
        name = _new_name(change, {k: c for k, c in before.items() if k != change.id})
        after = {**before, change.id: Category(change.id, name)}
        file.replace_classes(tuple(after.values()))
    elif change.action == "recolor":
        file.replace_classes(file.categories, colors={**file.colors, change.id: change.color})
    else:
        _give_away(file, change, before)


def _give_away(file: ClickFile, change: ClassChange, before: dict[int, Category]) -> None:
    """Drop a class; its objects go to another one, or with it."""
    touched = _count_objects(file)[change.id]
    if change.objects != touched:
        raise ValueError(
            f"class {before[change.id].name!r}: expected {change.objects} objects, found "
            f"{touched}; look again before it is dropped"
        )
    into = change.into if change.action == "merge" else None
    if into is not None and (into not in before or into == change.id):
        raise ValueError(f"expected another class of {sorted(before)} to merge into, found {into}")
    left = tuple(c for c in file.categories if c.category_id != change.id)
    file.replace_classes(left, moved={change.id: into})


def _new_name(change: ClassChange, taken: dict[int, Category]) -> str:
    name = change.name.strip()
    if not name or name in {category.name for category in taken.values()}:
        raise ValueError(f"expected a class name that no other class has, found {change.name!r}")
    return name


def _count_objects(file: ClickFile) -> Counter[int]:
    return Counter(click.category_id for document in file.documents() for click in document.objects)
