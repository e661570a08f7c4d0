"""Seeing everything on the page: masks, outlines, light, thumbnails; keeping and going on."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

SIDES = (40, 42, 20, 12, 8, 5)
"""Half sides of the candidates; the first two are alike."""


class SquareProposer:
    """Squares round the click, the largest with the best score."""

    name = "squares"
    settings: dict[str, Any] = {}  # noqa: RUF012  # as the protocol has it

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        return self.propose_prepared(image, clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return image

    def propose_prepared(
        self, prepared: np.ndarray, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        return [self._squares(prepared.shape[:2], clicks[index]) for index in indices]

    @staticmethod
    def _squares(size: tuple[int, ...], click: Click) -> Proposals:
        masks = np.zeros((len(SIDES), *size), np.uint8)
        x, y = map(int, click.point)
        for mask, side in zip(masks, SIDES, strict=True):
            mask[max(y - side, 0) : y + side, max(x - side, 0) : x + side] = 1
        if click.box is not None:
            x1, y1, x2, y2 = map(int, click.box)
            masks[0] = 0
            masks[0, y1:y2, x1:x2] = 1
        rles = encode_masks(masks)
        scores = np.linspace(0.9, 0.4, len(SIDES), dtype=np.float32)
        return Proposals(rles, rle_boxes(rles), scores, ("point",) * len(SIDES))


@pytest.fixture
def address(
    photo: Path, open_folder: Callable[..., Any], serving: Callable[..., Any]
) -> Iterator[str]:
    with ThreadPoolExecutor(1) as executor:
        workspace = open_folder(photo, PreviewWorker(SquareProposer(), executor))
        with serving(workspace) as found:
            yield found


def pixel(driver: PageDriver, x: float, y: float) -> tuple[int, ...]:
    left, top = driver.screen(x, y)
    picture = driver.page.screenshot(clip={"x": left, "y": top, "width": 1, "height": 1})
    return tuple(Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0)))


def candidates(driver: PageDriver) -> int:
    count: int = driver.wait("() => sapnet.preview.candidates.length")
    return count


def test_enter_keeps_and_goes_on_and_tab_takes_the_next(
    address: str, photo: Path, open_page: Callable[..., PageDriver], window: dict[str, object]
) -> None:
    driver = open_page(address, **window)
    driver.click(60, 60)
    assert candidates(driver) == 4  # few, and the two that are alike are one
    driver.press("Tab")
    assert driver.run("() => sapnet.preview.chosen") == 1
    driver.click(200, 150)
    driver.press(",")  # back to the first object
    candidates(driver)
    driver.press("Enter")
    driver.wait("() => sapnet.store.objects.indexOf(sapnet.store.selectedObject) === 1")
    candidates(driver)
    driver.press("Tab", "Enter")
    driver.saved()
    masks = [c.mask for c in load_clicks(photo.parent / "clicks.json").clicks]
    assert all(mask is not None for mask in masks)
    assert driver.run("() => sapnet.store.selected") is None
    assert "Every object of this image has its mask" in driver.page.inner_text("#toast")


def test_tab_after_the_last_candidate_brings_the_others(
    address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    driver.click(60, 60)
    candidates(driver)
    driver.press("Tab", "Tab", "Tab", "Tab")
    driver.wait("() => sapnet.preview.candidates.length === 6")
    assert driver.run("() => sapnet.preview.chosen") == 4


@pytest.mark.parametrize("held", [(), ("Control",)])
def test_a_box_bounds_the_candidates(
    held: tuple[str, ...],
    address: str,
    photo: Path,
    drag: Callable[..., None],
    open_page: Callable[..., PageDriver],
) -> None:
    driver = open_page(address)
    if not held:
        driver.press("k")
    drag(driver, (40, 30), (140, 90), keys=held)
    candidates(driver)
    assert driver.run("() => sapnet.pointer.tool") == "new"
    driver.press("Enter")
    driver.saved()
    (click,) = load_clicks(photo.parent / "clicks.json").clicks
    assert click.box == pytest.approx((40, 30, 140, 90), abs=1)
    assert click.mask is not None
    assert rle_boxes([click.mask])[0] == pytest.approx((40, 30, 140, 90), abs=2)


def test_all_masks_are_seen_and_can_be_hidden(
    address: str,
    open_page: Callable[..., PageDriver],
    wait_for: Callable[..., Any],
    window: dict[str, object],
) -> None:
    driver = open_page(address, **window)
    bare = pixel(driver, 75, 75)
    for x in (60, 200):
        driver.click(x, 60)
        candidates(driver)
    driver.press("Escape")
    driver.wait("() => document.getElementById('candidates-section').hidden")
    driver.page.wait_for_timeout(100)  # on a phone, the image has more room then
    first, second = pixel(driver, 75, 75), pixel(driver, 215, 75)
    assert bare != first  # neither is selected, neither is kept; both are seen
    assert second not in (bare, first)  # two instances of a class differ in shade
    driver.press("w")
    wait_for(lambda: pixel(driver, 75, 75) == bare, "outlines alone")
    driver.press("w", "w")
    wait_for(lambda: pixel(driver, 75, 75) == first, "the mask again")
    driver.press(".", "Shift+h", "Escape")
    wait_for(lambda: pixel(driver, 75, 75) == bare, "the first object hidden")
    assert pixel(driver, 215, 75) == second


def test_brightness_changes_the_view_alone(
    address: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    assert pixel(driver, 160, 120) == (120, 120, 120)
    driver.page.click("#show-looks")
    driver.page.fill("#brightness", "2")
    driver.wait("() => sapnet.view.light.brightness === 2")
    driver.run("() => sapnet.view.draw()")
    assert pixel(driver, 160, 120)[0] == pytest.approx(240, abs=2)
    driver.page.click("#looks-reset")
    driver.run("() => sapnet.view.draw()")
    assert pixel(driver, 160, 120) == (120, 120, 120)


def test_thumbnails_show_masks(address: str, open_page: Callable[..., PageDriver]) -> None:
    driver = open_page(address)
    driver.click(160, 120)
    candidates(driver)
    driver.press("Enter")
    driver.saved()
    driver.page.reload()
    driver.ready()
    painted = (
        "() => { const c = document.querySelector('.list-row canvas'); return c.width && "
        "[...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].some((v) => v); }"
    )
    driver.wait(painted)


def test_objects_are_in_reach_on_a_phone(
    address: str, open_page: Callable[..., PageDriver]
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    driver = open_page(address, **phone)
    assert driver.page.is_visible("#first-hint")
    driver.page.touchscreen.tap(*driver.screen(60, 60))
    candidates(driver)
    driver.wait("() => document.getElementById('first-hint').hidden")
    driver.page.tap("#toggle-objects")
    assert driver.page.is_visible(".object-row")
    driver.page.tap(".object-row .remove")
    assert driver.objects == []
    driver.page.tap("[data-tool=brush]")  # without a pen, a finger draws
    driver.page.touchscreen.tap(*driver.screen(200, 100))
    assert [bool(entry["mask"]) for entry in driver.objects] == [True]
    assert driver.run("() => document.documentElement.scrollWidth") == 390
