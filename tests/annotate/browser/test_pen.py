"""Pen and fingers on a tablet: a pen draws, and from then on fingers pan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

TABLET = {"viewport": {"width": 1024, "height": 768}, "has_touch": True}


def pen(driver: PageDriver, *points: Sequence[float]) -> None:
    """Draw through image positions, with the events that Chromium makes of a pen."""
    session = driver.page.context.new_cdp_session(driver.page)
    places = [driver.screen(x, y) for x, y in points]
    kinds = ["mousePressed", *["mouseMoved"] * (len(places) - 1), "mouseReleased"]
    for kind, (x, y) in zip(kinds, [*places, places[-1]], strict=True):
        buttons = 0 if kind == "mouseReleased" else 1
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons}
        session.send("Input.dispatchMouseEvent", {**event, "clickCount": 1, "pointerType": "pen"})
    session.detach()


def finger(driver: PageDriver, *points: Sequence[float]) -> None:
    """Move a finger through image positions."""
    session = driver.page.context.new_cdp_session(driver.page)
    places = [driver.screen(x, y) for x, y in points]
    for kind, place in zip(["touchStart", *["touchMove"] * (len(places) - 1)], places, strict=True):
        touch = [{"x": place[0], "y": place[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touch})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def corner(driver: PageDriver) -> list[float]:
    found: list[float] = driver.run("() => [sapnet.view.x, sapnet.view.y]")
    return found


def test_a_pen_draws_and_fingers_pan(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address, **TABLET)
        driver.run("() => addEventListener('pointerdown', (e) => { window.kind = e.pointerType })")
        driver.press("b")
        finger(driver, (60, 60), (80, 60), (100, 60))
        assert driver.run("() => window.kind") == "touch"
        assert len(driver.objects) == 1  # no pen so far: a finger draws
        before = corner(driver)
        pen(driver, (60, 160), (80, 160), (100, 160))
        assert driver.run("() => window.kind") == "pen"
        assert corner(driver) == before
        drawn = [entry["mask"] for entry in driver.objects]
        finger(driver, (200, 100), (180, 90), (150, 80), (120, 70))
        after = corner(driver)
        assert after[0] < before[0] - 40
        assert [entry["mask"] for entry in driver.objects] == drawn
        pen(driver, (60, 170), (100, 170))  # the pen goes on with the same mask
        assert [entry["mask"] for entry in driver.objects] != drawn
        driver.saved()


def test_a_pen_clicks_objects_where_no_tool_draws(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address, **TABLET)
        pen(driver, (60, 60))
        finger(driver, (200, 100), (150, 100))
        finger(driver, (250, 150))
        assert driver.points() == [[[60, 60]], [[250, 150]]]
