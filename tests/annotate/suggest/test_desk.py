"""Open suggestions: neither an object, nor dismissed, nor too weak; the image to go to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sapnet.annotate.documents import Document
from sapnet.annotate.suggest.desk import SuggestionDesk
from sapnet.annotate.suggest.seen import SeenFile
from sapnet.annotate.workspace import Workspace
from sapnet.structures.clicks import Category, Click
from tests.annotate.suggest.seen_squares import HEIGHT, WIDTH, seen_squares, square

NAMES = ("a.png", "b.png", "c.png", "d.png")


@pytest.fixture
def workspace(tmp_path: Path, open_folder: Callable[..., Any]) -> Workspace[Any]:
    images = tmp_path / "images"
    images.mkdir()
    for name in NAMES:
        Image.new("RGB", (WIDTH, HEIGHT)).save(images / name)
    found: Workspace[Any] = open_folder(images)
    return found


@pytest.fixture
def seen(tmp_path: Path, workspace: Workspace[Any]) -> SeenFile:
    """All images are seen: a and b alike, c and d alike."""
    file = SeenFile(tmp_path / "seen.jsonl", "digest")
    for place, name in enumerate(NAMES):
        image = seen_squares(4, direction=1.5 * (place // 2))
        file.add(name, replace(image, stamp=workspace.listing[name].stamp))
    return file


@pytest.fixture
def desk(workspace: Workspace[Any], seen: SeenFile) -> SuggestionDesk:
    return SuggestionDesk(workspace.listing, workspace.file, seen, 0.3)


def numbers(desk: SuggestionDesk, name: str = "a.png") -> list[int] | None:
    found = desk.open_of(name)
    return None if found is None else [entry.number for entry in found]


def test_weak_ones_are_no_suggestions(desk: SuggestionDesk) -> None:
    found = desk.open_of("a.png")
    assert found is not None
    assert [(entry.number, entry.category_id, entry.score) for entry in found] == [
        (0, 2, 0.9), (1, 2, 0.6), (2, 2, 0.4),
    ]  # fmt: skip


def test_objects_explain_what_holds_their_click_or_what_they_cover(
    desk: SuggestionDesk, workspace: Workspace[Any]
) -> None:
    clicked = Click(0, 1, 1, ((30.5, 90.5),))
    drawn = Click(0, 1, 1, ((170.5, 70.5),), mask=square(150))
    workspace.file.replace("a.png", Document((clicked, drawn)), None)
    assert numbers(desk) == [1]


def test_what_is_dismissed_stays_away_also_with_other_weights(
    desk: SuggestionDesk, workspace: Workspace[Any], seen: SeenFile
) -> None:
    desk.dismiss("a.png", [1, 77])
    assert numbers(desk) == [0, 2]
    assert desk.dismissed_of("a.png") == [1]
    desk.dismiss("a.png", [0], restored=[1])
    assert numbers(desk) == [1, 2]
    desk.dismiss("a.png", [], restored=[0])
    assert numbers(desk) == [0, 1, 2]
    desk.dismiss("a.png", [1])
    desk.dismiss("a.png", [])  # of a tab that knows nothing of it
    assert numbers(desk) == [0, 2]
    other = SeenFile(seen.path, "other weights")
    shifted = seen_squares(3)
    shifted = replace(
        shifted,
        instances=tuple(
            replace(entry, mask=square(25 + 70 * place))
            for place, entry in enumerate(shifted.instances)
        ),
        stamp=workspace.listing["a.png"].stamp,
    )
    other.add("a.png", shifted)
    again = SuggestionDesk(workspace.listing, workspace.file, other, 0.3)
    assert numbers(again) == [0, 2]
    again.dismiss("a.png", [0])
    assert numbers(again) == [2]


def test_another_file_of_the_same_name_is_looked_at_again(
    desk: SuggestionDesk, seen: SeenFile
) -> None:
    seen.add("a.png", replace(seen.images["a.png"], stamp=5))
    assert numbers(desk) is None
    assert desk.dismissed_of("a.png") == []
    desk.dismiss("a.png", [0])  # nothing to dismiss


def test_classes_and_sizes_that_are_gone_are_withheld(
    desk: SuggestionDesk, workspace: Workspace[Any], seen: SeenFile
) -> None:
    stamp = workspace.listing["b.png"].stamp
    other = seen_squares(1)
    small = replace(other.instances[0], mask={"size": [2, 2], "counts": b"04"})
    seen.add("b.png", replace(other, stamp=stamp, instances=(small,)))
    assert numbers(desk, "b.png") == []
    workspace.file.replace_classes((Category(1, "person"),), moved={2: None, 3: None})
    assert numbers(desk) == []


def test_the_next_image_is_unlike_what_was_worked_on(
    desk: SuggestionDesk, workspace: Workspace[Any]
) -> None:
    assert desk.next_to_teach("a.png") == "b.png"
    workspace.file.replace("a.png", Document((Click(0, 1, 1, ((1.5, 1.5),)),)), None)
    assert desk.next_to_teach("a.png") == "c.png"  # b is just like a
    workspace.file.replace("c.png", Document(is_done=True), None)
    assert desk.next_to_teach("d.png") == "b.png"  # alike, but it comes
    for name in ("b.png", "d.png"):
        workspace.file.replace(name, Document(is_done=True), None)
    assert desk.next_to_teach("a.png") is None


def test_doubts_come_first(desk: SuggestionDesk, workspace: Workspace[Any], seen: SeenFile) -> None:
    sure = replace(seen_squares(1, direction=1.5), stamp=workspace.listing["c.png"].stamp)
    for name in ("a.png", "b.png", "c.png"):
        seen.add(name, replace(sure, stamp=workspace.listing[name].stamp))
    assert desk.next_to_teach("") == "d.png"


def test_missed_objects_are_on_images_that_were_worked_on(
    desk: SuggestionDesk, workspace: Workspace[Any]
) -> None:
    assert desk.next_missed("a.png") is None
    beside = Click(0, 1, 1, ((300.5, 200.5),))
    on_the_first = Click(0, 1, 1, ((40.5, 80.5),))
    workspace.file.replace("b.png", Document((on_the_first,)), None)
    workspace.file.replace("c.png", Document((beside,)), None)
    assert desk.next_missed("a.png") == "c.png"  # its best one has a score of 0.9
    assert desk.next_missed("c.png") == "b.png"
