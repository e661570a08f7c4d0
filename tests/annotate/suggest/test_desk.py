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


def places(desk: SuggestionDesk, seen: SeenFile, name: str = "a.png") -> list[int] | None:
    """Return which instances of an image are open, by their place among what was seen."""
    found = desk.open_of(name)
    if found is None:
        return None
    numbers = [entry.number for entry in seen.images[name].instances]
    return [numbers.index(entry.number) for entry in found]


def test_weak_ones_are_no_suggestions(desk: SuggestionDesk) -> None:
    found = desk.open_of("a.png")
    assert found is not None
    assert [(e.category_id, e.score) for e in found] == [(2, 0.9), (2, 0.6), (2, 0.4)]
    assert len({entry.number for entry in found}) == 3


def test_objects_explain_what_holds_their_click_or_what_they_cover(
    desk: SuggestionDesk, workspace: Workspace[Any], seen: SeenFile
) -> None:
    clicked = Click(0, 1, 1, ((30.5, 90.5),))
    drawn = Click(0, 1, 1, ((170.5, 70.5),), mask=square(150))
    workspace.file.replace("a.png", Document((clicked, drawn)), None)
    assert places(desk, seen) == [1]


def test_what_is_dismissed_stays_away_also_with_other_weights(
    desk: SuggestionDesk, workspace: Workspace[Any], seen: SeenFile
) -> None:
    first, second = (entry.number for entry in seen.images["a.png"].instances[:2])
    desk.dismiss("a.png", [second, 77])
    assert places(desk, seen) == [0, 2]
    assert desk.dismissed_of("a.png") == [second]
    desk.dismiss("a.png", [first], restored=[second])
    assert places(desk, seen) == [1, 2]
    desk.dismiss("a.png", [], restored=[first])
    assert places(desk, seen) == [0, 1, 2]
    desk.dismiss("a.png", [second])
    desk.dismiss("a.png", [])  # of a tab that knows nothing of it
    assert places(desk, seen) == [0, 2]
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
    assert places(again, other) == [0, 2]
    again.dismiss("a.png", [first])  # of a tab that still shows what the other weights saw
    assert places(again, other) == [0, 2]
    again.dismiss("a.png", [other.images["a.png"].instances[0].number])
    assert places(again, other) == [2]


def test_another_file_of_the_same_name_is_looked_at_again(
    desk: SuggestionDesk, seen: SeenFile
) -> None:
    seen.add("a.png", replace(seen.images["a.png"], stamp=5))
    assert desk.open_of("a.png") is None
    assert desk.dismissed_of("a.png") == []
    desk.dismiss("a.png", [seen.images["a.png"].instances[0].number])  # nothing to dismiss
    assert not seen.dismissed


def test_classes_and_sizes_that_are_gone_are_withheld(
    desk: SuggestionDesk, workspace: Workspace[Any], seen: SeenFile
) -> None:
    stamp = workspace.listing["b.png"].stamp
    other = seen_squares(1)
    small = replace(other.instances[0], mask={"size": [2, 2], "counts": b"04"})
    seen.add("b.png", replace(other, stamp=stamp, instances=(small,)))
    assert desk.open_of("b.png") == []
    workspace.file.replace_classes((Category(1, "person"),), moved={2: None, 3: None})
    assert desk.open_of("a.png") == []


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
