"""Classes on the page in real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.data.clicks import load_clicks

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver


def names_on_disk(photo: Path) -> list[str]:
    return [c.name for c in load_clicks(photo.parent / "clicks.json").categories]


def partial_on_disk(photo: Path) -> tuple[int, ...] | None:
    """Return the partial categories of the one image."""
    (found,) = load_clicks(photo.parent / "clicks.json").coverage.values()
    return found.partial


def test_a_folder_without_classes_asks_for_one(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
    window: dict[str, object],
) -> None:
    with serving(open_folder(photo, classes=())) as address:
        driver = open_page(address, **window)
        driver.wait("() => document.getElementById('class-dialog').open")
        driver.page.keyboard.type("zebra")
        driver.press("Enter")
        driver.wait("() => !document.getElementById('class-dialog').open")
        driver.click(50, 50)
        driver.saved()
        assert names_on_disk(photo) == ["zebra"]
        driver.press("/")
        driver.page.keyboard.type("lion")
        assert "Create “lion”" in driver.page.inner_text("#class-matches")
        driver.press("Escape")  # the first one closes, and keys act on the image again
        assert not driver.run("() => document.getElementById('class-dialog').open")
        driver.press("Backspace")
        assert driver.objects == []


def test_a_click_on_a_class_relabels_the_selected_object(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
    window: dict[str, object],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address, **window)
        driver.click(50, 50)
        driver.page.click(".class-row[data-id='2']")
        assert [entry["category_id"] for entry in driver.objects] == [2]
        assert driver.page.inner_text("#toast").startswith("Object 1 is now car")
        driver.saved()
        driver.press("Control+z")
        assert [entry["category_id"] for entry in driver.objects] == [1]


def test_renaming_and_deleting_say_what_they_touch(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address)
        driver.click(50, 50)
        driver.click(90, 90)
        driver.press("Escape", "/")
        driver.page.click("#class-matches button[aria-label='Edit person']")
        driver.wait("() => document.getElementById('class-delete').textContent.includes('2')")
        driver.page.fill("#class-name", "human")
        driver.page.fill("#class-color", "#00ff00")
        driver.page.click("#class-save")
        driver.wait("() => sapnet.colorOf(1) === '#00ff00' && sapnet.nameOf(1) === 'human'")
        driver.page.click("#class-matches button[aria-label='Edit human']")
        driver.wait("() => !document.getElementById('class-edit').hidden")
        assert driver.page.inner_text("#class-delete") == "Delete with 2 objects"
        driver.page.click("#class-delete")
        driver.wait("() => sapnet.store.categories.length === 2")
        driver.wait("() => sapnet.store.held && !sapnet.store.objects.length")
        driver.press("Escape")
        driver.click(50, 50)
        driver.saved()
        assert names_on_disk(photo) == ["car", "dog"]
        assert [c.category_id for c in load_clicks(photo.parent / "clicks.json").clicks] == [2]


def test_a_class_that_is_created_later_was_not_looked_for_on_finished_images(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address)
        driver.click(50, 50)
        driver.page.click("#done")
        driver.saved()
        driver.press("/")
        driver.page.keyboard.type("lion")
        driver.press("Enter")
        driver.wait("() => document.getElementById('toast').innerText.includes('not searched for')")
        driver.wait("() => document.getElementById('done').ariaPressed === 'false'")
        assert partial_on_disk(photo) == (4,)
        driver.page.click("#done")
        driver.saved()
        assert partial_on_disk(photo) == ()
