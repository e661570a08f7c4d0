"""Suggestions on the page: accepted, mended, deleted; missed objects; nothing waits for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from sapnet.annotate.suggest.desk import SuggestionDesk
from sapnet.annotate.suggest.scout import Scout
from sapnet.annotate.suggest.seen import SeenFile
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import rle_iou
from tests.annotate.accessibility import serious_problems
from tests.annotate.suggest.seen_squares import HEIGHT, WIDTH, SquareSeer, square

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click
    from tests.annotate.conftest import PageDriver

NUM_IMAGES = 4


@dataclass
class Session:
    """A folder whose page makes suggestions.

    Attributes:
        images: the folder.
        seer: what looks at the images.
        serve: serves the page once; yields its address.
        seen: what was seen, of each serving.
    """

    images: Path
    seer: SquareSeer
    serve: Callable[[], AbstractContextManager[str]]
    seen: list[SeenFile]

    @property
    def clicks(self) -> tuple[Click, ...]:
        return load_clicks(self.images.parent / "clicks.json").clicks


@pytest.fixture
def session(
    tmp_path: Path, open_folder: Callable[..., Any], serving: Callable[..., Any]
) -> Session:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(NUM_IMAGES):
        Image.new("RGB", (WIDTH, HEIGHT), (90, 30 * number, 90)).save(images / f"{number}.png")
    seer, every_seen = SquareSeer(), list[SeenFile]()

    @contextmanager
    def serve() -> Iterator[str]:
        workspace = replace(open_folder(images), run="runs/cars")
        seen = SeenFile(tmp_path / "clicks-seen.jsonl", "digest")
        every_seen.append(seen)
        desk = SuggestionDesk(workspace.listing, workspace.file, seen, 0.3)
        scout = Scout(workspace.listing, seen, seer, desk.is_touched)
        scout.start()
        try:
            with serving(workspace, suggestions=(desk, scout)) as address:
                yield address
        finally:
            seer.may_look.set()
            scout.close()
            seer.__init__()  # type: ignore[misc]  # as a new process

    return Session(images, seer, serve, every_seen)


def num_open(driver: PageDriver, count: int) -> None:
    driver.wait("(count) => sapnet.suggesting.open.length === count", count)


def selected_x(driver: PageDriver) -> float:
    x: float = driver.run("() => sapnet.store.selectedObject?.points[0][0]")
    return x


def test_suggestions_are_accepted_mended_and_deleted_one_by_one(
    session: Session, open_page: Callable[..., PageDriver], window: dict[str, object]
) -> None:
    with session.serve() as address:
        driver = open_page(address, **window)
        num_open(driver, 3)
        assert selected_x(driver) == 40.5  # the first one is selected: one key decides
        driver.press("a")
        num_open(driver, 2)
        assert selected_x(driver) == 110.5
        driver.press("x")
        assert selected_x(driver) == 180.5
        driver.press("b")
        driver.click(180, 115)  # below the square: mended by hand, which accepts it
        num_open(driver, 0)
        driver.saved()
        kept = session.clicks
        assert [click.points[0] for click in kept] == [(40.5, 80.5), (180.5, 80.5)]
        assert rle_iou([kept[0].mask], [square(20)])[0, 0] == 1
        assert 0.5 < rle_iou([kept[1].mask], [square(160)])[0, 0] < 1
        driver.page.reload()
        driver.ready()
        driver.wait("() => Boolean(sapnet.store.held?.offered)")
        num_open(driver, 0)  # what was deleted stays away
        assert driver.run("() => document.documentElement.scrollWidth") <= driver.run(
            "() => innerWidth"
        )


def test_buttons_decide_and_undo_brings_a_suggestion_back(
    session: Session, open_page: Callable[..., PageDriver], window: dict[str, object]
) -> None:
    with session.serve() as address:
        driver = open_page(address, **window)
        num_open(driver, 3)
        driver.page.click("#suggest-delete")
        driver.page.click("#suggest-accept")
        num_open(driver, 1)
        driver.press("Control+z")
        num_open(driver, 2)
        driver.press("Control+z")
        num_open(driver, 3)
        driver.saved()
        driver.page.reload()
        driver.ready()
        num_open(driver, 3)
        driver.press("Shift+a")
        num_open(driver, 0)
        driver.saved()
        assert len(session.clicks) == 3


def test_what_is_not_accepted_is_not_saved(
    session: Session, open_page: Callable[..., PageDriver]
) -> None:
    with session.serve() as address:
        driver = open_page(address)
        num_open(driver, 3)
        name = driver.run("() => sapnet.store.image.name")
        driver.run("() => sapnet.relabel(1)")  # the class of a suggestion: still to decide
        driver.click(250, 200)
        driver.click(98, 70)  # a click of the user's own takes the suggestion's place
        num_open(driver, 2)
        driver.saved()
        assert [round(click.points[0][0]) for click in session.clicks] == [250, 98]
        driver.press("d")
        driver.wait("(name) => sapnet.store.image.name !== name", name)
        driver.saved()
        driver.page.goto(f"{address}#{name}")
        driver.page.reload()
        driver.ready()
        num_open(driver, 2)  # of a touched image: likely missed
        assert driver.run("() => sapnet.store.selected") is None
        driver.press("a")
        assert selected_x(driver) == 40.5
        driver.press("a")
        driver.saved()
        assert len(session.clicks) == 3


def look_again(driver: PageDriver) -> None:
    """As when the user comes back to the tab."""
    driver.run("() => { document.dispatchEvent(new Event('visibilitychange')); }")


def test_what_one_tab_deletes_no_other_tab_brings_back(
    session: Session, open_page: Callable[..., PageDriver]
) -> None:
    with session.serve() as address:
        first, second = open_page(address), open_page(address)
        num_open(first, 3)
        num_open(second, 3)
        first.press("x")
        first.saved()
        num_open(second, 3)  # stale
        second.run("() => sapnet.selectObject(sapnet.suggesting.open[1].key)")
        second.press("x")  # its save is answered with what was dismissed elsewhere
        num_open(second, 1)
        second.saved()
        look_again(first)
        num_open(first, 1)
        second.press("Control+z")
        num_open(second, 2)  # its own deletion is undone, not that of the other tab
        second.saved()
        look_again(first)
        num_open(first, 2)
        first.page.reload()
        first.ready()
        num_open(first, 2)
        first.press("a")
        assert selected_x(first) == 180.5
        first.saved()
        assert [click.points[0][0] for click in session.clicks] == [110.5]


def test_what_one_tab_accepts_stays_accepted(
    session: Session, open_page: Callable[..., PageDriver]
) -> None:
    with session.serve() as address:
        first, second = open_page(address), open_page(address)
        num_open(first, 3)
        num_open(second, 3)
        first.press("a")
        first.saved()
        second.press("x")  # on a version that is not current: the user is asked
        second.page.click("#conflict-reload")
        num_open(second, 2)
        assert len(second.run("() => sapnet.store.held.kept")) == 1
        second.page.reload()
        second.ready()
        num_open(second, 2)  # what was refused dismissed nothing
        assert [click.points[0][0] for click in session.clicks] == [40.5]


def test_what_another_run_sees_takes_the_place_of_open_suggestions(
    session: Session, open_page: Callable[..., PageDriver]
) -> None:
    with session.serve() as address:
        driver = open_page(address)
        num_open(driver, 3)
        driver.press("a")
        driver.saved()
        (seen,) = session.seen
        name = driver.run("() => sapnet.store.image.name")
        before = seen.images[name]
        moved = replace(before.instances[2], mask=square(140), point=(150.5, 80.5))
        seen.add(name, replace(before, instances=(moved,)))
        look_again(driver)  # as a tab that stayed open while the server began anew
        num_open(driver, 1)
        driver.press("a")  # what was selected is gone: the first one is shown
        assert selected_x(driver) == 150.5
        driver.press("a")
        driver.saved()
        assert [click.points[0][0] for click in session.clicks] == [40.5, 150.5]
        assert seen.dismissed == {}


def test_further_points_mend_a_suggestion(
    session: Session, open_page: Callable[..., PageDriver]
) -> None:
    with session.serve() as address:
        driver = open_page(address)
        num_open(driver, 3)
        driver.click(50, 70, "Shift")
        num_open(driver, 2)
        driver.saved()
        (click,) = session.clicks
        assert len(click.points) == 2
        assert click.mask is None  # its candidates are asked for


def test_one_key_goes_on_and_another_to_what_was_missed(
    session: Session, open_page: Callable[..., PageDriver], wait_for: Callable[..., Any]
) -> None:
    with session.serve() as address:
        driver = open_page(address)
        num_open(driver, 3)
        name = driver.run("() => sapnet.store.image.name")
        wait_for(lambda: len(session.seer.looks) == NUM_IMAGES, "all images to be looked at")
        driver.click(50, 70)
        driver.saved()
        driver.press("u")
        driver.wait("(name) => sapnet.store.image.name !== name", name)
        num_open(driver, 3)
        driver.press("n")
        driver.wait("(name) => sapnet.store.image.name === name", name)
        driver.wait("() => sapnet.store.selectedObject?.suggested")
        driver.press("a")
        driver.saved()
        assert {round(click.points[0][0]) for click in session.clicks} == {50, 110}
        driver.wait(
            "() => document.getElementById('suggest-progress').textContent === "
            "'4 of 4 images looked at'"
        )


def test_nothing_waits_for_the_looking_and_nothing_is_looked_at_twice(
    session: Session, open_page: Callable[..., PageDriver], wait_for: Callable[..., Any]
) -> None:
    session.seer.may_look.clear()
    with session.serve() as address:
        driver = open_page(address)
        driver.wait("() => document.getElementById('suggest-count').textContent === 'looking…'")
        driver.click(250, 200)
        driver.saved()
        assert len(session.clicks) == 1
        session.seer.may_look.set()
        num_open(driver, 3)
        wait_for(lambda: len(session.seer.looks) == NUM_IMAGES, "all images to be looked at")
        assert set(session.seer.looks.values()) == {1}
        driver.run("() => sapnet.open(2)")
        driver.press("a")
        num_open(driver, 3)
        driver.press("a")
        driver.saved()
    with session.serve() as address:
        driver = open_page(address)
        num_open(driver, 3)
        assert not session.seer.looks


def test_no_serious_accessibility_problem_with_suggestions(
    session: Session, open_page: Callable[..., PageDriver], window: dict[str, object]
) -> None:
    with session.serve() as address:
        driver = open_page(address, **window)
        num_open(driver, 3)
        assert serious_problems(driver) == []


def test_an_image_that_cannot_be_looked_at_is_told(
    session: Session, open_page: Callable[..., PageDriver]
) -> None:
    session.seer.errors["0.png"] = ValueError("0.png: the network is damaged")
    with session.serve() as address:
        driver = open_page(address)
        driver.wait(
            "() => document.getElementById('suggest-message').textContent === "
            "'0.png: the network is damaged'"
        )
        driver.run("() => sapnet.open(0)")
        driver.wait("() => document.getElementById('suggest-count').textContent === 'none open'")
