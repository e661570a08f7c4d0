"""The review in real Chromium: deciding changes labels, and survives a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

from concurrent.futures import ThreadPoolExecutor

from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.annotate.review.serve import open_review
from sapnet.data.corrections import load_corrections
from sapnet.geometry.rle import rle_iou
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.store.reader import ProposalStore
from sapnet.structures.corrections import Corrections
from tests.annotate.review_set import BLOCKS, ReviewSet, click_of, make_review_set, whole

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver


@pytest.fixture
def files(tmp_path: Path) -> ReviewSet:
    return make_review_set(tmp_path)


@pytest.fixture
def address(files: ReviewSet, serving: Callable[..., Any]) -> Iterator[str]:
    workspace, _ = open_review(files.config(proposer="none"))
    with ThreadPoolExecutor(1) as executor:
        preview = PreviewWorker(RegionProposer(), executor)  # spares the tests a new process
        with serving(replace(workspace, preview=preview)) as found:
            yield found


def current(driver: PageDriver) -> int:
    """Id of the object that is looked at; its candidates are there."""
    found: int = driver.wait(
        "() => sapnet.mode && sapnet.mode.answer && sapnet.preview.candidates.length "
        "&& sapnet.mode.entry.id"
    )
    return found


def goes_to(driver: PageDriver, object_id: int) -> None:
    driver.wait("(id) => sapnet.mode.entry && sapnet.mode.entry.id === id", object_id)
    assert current(driver) == object_id


def corrections(driver: PageDriver, files: ReviewSet) -> Corrections:
    driver.saved()
    return load_corrections(files.corrections)


def test_keeping_picking_and_deleting(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    assert current(driver) == 1  # the most uncertain one
    driver.press("c", "Enter")
    goes_to(driver, 3)
    driver.press("Enter")
    goes_to(driver, 2)
    driver.press("Backspace")
    found = corrections(driver, files)
    assert found.deleted == {2}
    assert found.fixed[1].action == "picked"
    assert found.fixed[1].click == replace(click_of(1), mask=whole(1))
    assert found.fixed[3].action == "accepted"
    assert found.fixed[3].click == replace(click_of(3), mask=whole(3))
    store = ProposalStore(files.store, found)
    assert store.find(1).proposals.rles == (whole(1),)


def test_a_new_click_gets_a_new_mask(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    goes_to(driver, 1)
    driver.press("ArrowRight")
    goes_to(driver, 3)
    driver.click(95.25, 75.75)
    driver.wait("() => sapnet.preview.candidates.some(({ prompt }) => prompt !== 'point')")
    driver.press("Enter")
    goes_to(driver, 2)  # 1 was left undecided, but the next of the queue comes first
    decided = corrections(driver, files).fixed[3]
    assert decided.action == "clicked"
    assert decided.click.point == pytest.approx((95.25, 75.75), abs=0.5)
    assert decided.click.mask is not None
    assert rle_iou([decided.click.mask], [whole(3)])[0, 0] > 0.7


def test_decisions_survive_a_reload_and_can_be_taken_back(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    goes_to(driver, 1)
    driver.press("c", "Enter")
    goes_to(driver, 3)
    driver.saved()
    driver.page.reload()
    driver.ready()
    goes_to(driver, 3)
    assert (
        driver.page.locator(".queue-head .progress-text").inner_text().startswith("1 / 3 decided")
    )
    driver.page.locator("#queue-filter").select_option("decided")
    driver.page.locator(".queue-row").click()
    goes_to(driver, 1)
    assert driver.run("() => sapnet.preview.chosen") == 1
    assert driver.page.locator("#review-decision").inner_text() == "another mask"
    driver.press("r")
    driver.saved()
    assert len(corrections(driver, files)) == 0


def test_undo_goes_back_to_the_image_of_the_last_decision(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    goes_to(driver, 1)
    driver.press("Backspace")
    goes_to(driver, 3)
    assert corrections(driver, files).deleted == {1}
    driver.press("Control+z")
    goes_to(driver, 1)
    driver.wait("() => sapnet.mode.object.decision === null")
    assert corrections(driver, files).deleted == frozenset()
    driver.press("Control+Shift+z")
    driver.wait("() => sapnet.mode.object.decision === 'deleted'")
    assert corrections(driver, files).deleted == {1}


def test_two_tabs_do_not_overwrite_each_other(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    first, second = open_page(address), open_page(address)
    goes_to(first, 1)
    goes_to(second, 1)
    first.press("Backspace")
    first.saved()
    second.press("Enter")
    dialog = second.page.locator("#conflict-dialog")
    dialog.wait_for()
    second.page.locator("#conflict-reload").click()
    second.wait("() => sapnet.mode.places.get(1).decision === 'deleted'")
    assert load_corrections(files.corrections).deleted == {1}


def test_on_a_phone_everything_is_in_reach(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address, viewport={"width": 390, "height": 844}, has_touch=True)
    goes_to(driver, 1)
    width = driver.run("() => document.documentElement.scrollWidth")
    assert width <= 390
    driver.page.locator(".candidate").nth(1).tap()
    driver.page.locator("#review-keep").tap()
    goes_to(driver, 3)
    assert corrections(driver, files).fixed[1].action == "picked"


def test_a_mask_drawn_by_hand_is_kept(
    files: ReviewSet, address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    goes_to(driver, 1)
    driver.press("g")
    x1, y1, x2, y2 = BLOCKS[1]
    for corner in ((x1, y1), (x2, y1), (x2, y2), (x1 + 2, y2)):  # unlike any candidate
        driver.click(*corner)
    driver.press("Enter")  # closes the polygon
    driver.wait("() => sapnet.preview.chosen === -1 && sapnet.mode.object.mask")
    driver.press("Enter")  # keeps the mask
    goes_to(driver, 3)
    decided = corrections(driver, files).fixed[1]
    assert decided.action == "drawn"
    assert decided.click.mask is not None
    assert rle_iou([decided.click.mask], [whole(1)])[0, 0] > 0.9
    assert decided.click.point == click_of(1).point
