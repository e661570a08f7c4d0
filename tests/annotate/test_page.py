"""The page in real Chromium: clicking, keys, saving."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from sapnet.data.clicks import load_clicks

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

RED = 60  # least lead of red over green of a pixel that belongs to the block


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A folder with one gray image of 640 x 480 whose red block is x 300..348, y 200..248."""
    images = tmp_path / "images"
    images.mkdir()
    pixels = np.full((480, 640, 3), 128, np.uint8)
    pixels[200:248, 300:348] = (255, 40, 40)
    Image.fromarray(pixels).save(images / "photo.png")
    return images


@pytest.fixture
def served(folder: Path, open_folder: Callable[..., Any], serving: Callable[..., Any]) -> Any:  # noqa: ANN401  # a generator of an address
    with serving(open_folder(folder)) as address:
        yield address


def red_center(driver: PageDriver, ratio: int) -> tuple[float, float]:
    """Centre of the red block on a screenshot, in window pixels: what somebody would aim at."""
    box = driver.page.locator("#canvas").bounding_box()
    picture = driver.page.screenshot(clip=box)
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(float)
    weight = np.clip(pixels[..., 0] - pixels[..., 1], 0, None)
    weight[weight < RED / 4] = 0
    rows, columns = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]] + 0.5
    x = (weight * columns).sum() / weight.sum() / ratio
    y = (weight * rows).sum() / weight.sum() / ratio
    return box["x"] + x, box["y"] + y


def clicks_on_disk(folder: Path) -> list[Any]:
    return list(load_clicks(folder.parent / "clicks.json").clicks)


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_zoomed_click_lands_on_the_right_pixel(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
    ratio: int,
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address, device_scale_factor=ratio)
        for zoom in (0.25, 1, 3, 8):
            # An odd offset, so that no multiple of a pixel hides an error.
            driver.run(
                """(zoom) => {
                  const { view } = sapnet;
                  view.zoomAt(zoom);
                  const [x, y] = view.toScreen([324, 224]);
                  view.pan(view.width / 2 - x + 7.3, view.height / 2 - y - 41.7);
                  view.draw();
                }""",
                zoom,
            )
            assert driver.run("() => sapnet.view.zoom") == pytest.approx(zoom)
            center = red_center(driver, ratio)
            target = (round(center[0]) + 3, round(center[1]) - 2)
            driver.page.mouse.click(*target)
            driver.saved()
            (click,) = clicks_on_disk(photo)
            expected = [324 + (target[0] - center[0]) / zoom, 224 + (target[1] - center[1]) / zoom]
            assert np.abs(np.subtract(click.point, expected)).max() < 0.5, zoom
            driver.press("Backspace")


def test_the_wheel_zooms_at_the_cursor_and_space_pans(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address)
        before = driver.run("() => sapnet.view.zoom")
        x, y = map(round, driver.screen(324, 224))  # browsers round the wheel's position
        under = driver.run(
            "([x, y]) => { const box = sapnet.view.canvas.getBoundingClientRect(); "
            "return sapnet.view.toImage([x - box.left, y - box.top]); }",
            [x, y],
        )
        driver.page.mouse.move(x, y)
        driver.page.mouse.wheel(0, -500)
        driver.wait("(before) => sapnet.view.zoom > 1.5 * before", before)
        np.testing.assert_allclose(driver.screen(*under), (x, y), atol=1e-6)
        driver.page.keyboard.down(" ")
        driver.page.mouse.down()
        driver.page.mouse.move(x + 40, y - 30, steps=3)
        driver.page.mouse.up()
        driver.page.keyboard.up(" ")
        np.testing.assert_allclose(driver.screen(*under), (x + 40, y - 30), atol=1e-6)
        assert driver.objects == []
        np.testing.assert_allclose(red_center(driver, 1), driver.screen(324, 224), atol=1)
        driver.press("0")
        assert driver.run("() => sapnet.view.zoom") == pytest.approx(before)


def test_clicks_make_objects_of_the_chosen_class(
    served: str, folder: Path, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(served)
    driver.click(10, 10)
    driver.press("3")
    driver.click(30, 12)
    driver.press("2")
    driver.click(50, 40)
    driver.saved()
    assert [(c.category_id, c.point) for c in clicks_on_disk(folder)] == [
        (1, pytest.approx((10, 10), abs=0.1)),
        (3, pytest.approx((30, 12), abs=0.1)),
        (2, pytest.approx((50, 40), abs=0.1)),
    ]
    driver.press("Shift+1")  # the selected object's class
    assert [entry["category_id"] for entry in driver.objects] == [1, 3, 1]
    assert driver.run("() => sapnet.store.category") == 2


def test_more_than_nine_classes(
    folder: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    names = [f"class {number}" for number in range(1, 30)] + ["zebra"]
    with serving(open_folder(folder, classes=names)) as address:
        driver = open_page(address)
        driver.press("/")
        driver.page.keyboard.type("zeb")
        driver.press("Enter")
        driver.click(10, 10)
        driver.press("]")  # round to the first
        driver.click(30, 10)
        driver.press("[", "[")
        driver.click(50, 10)
        assert [entry["category_id"] for entry in driver.objects] == [30, 1, 29]
        colors = driver.run("() => sapnet.store.categories.map(({ id }) => sapnet.colorOf(id))")
        assert len(set(colors)) == 30


def test_shift_adds_a_point_and_alt_or_right_click_a_negative_one(
    served: str, folder: Path, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(served)
    driver.click(10, 10, "Alt")  # nothing is selected: it says so and adds nothing
    assert driver.objects == []
    assert "First select" in driver.page.inner_text("#toast")
    driver.click(10, 10)
    driver.click(30, 10, "Shift")
    driver.click(50, 10, "Alt")
    driver.click(50, 40, button="right")
    driver.saved()
    (click,) = clicks_on_disk(folder)
    assert [tuple(round(v) for v in point) for point in click.points] == [(10, 10), (30, 10)]
    assert [tuple(round(v) for v in p) for p in click.negative_points] == [(50, 10), (50, 40)]


def test_points_are_moved_by_dragging(
    served: str, folder: Path, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(served)
    driver.click(10, 10)
    driver.click(40, 40)
    driver.page.mouse.move(*driver.screen(10, 10))
    driver.page.mouse.down()
    driver.page.mouse.move(*driver.screen(20, 30), steps=4)
    driver.page.mouse.up()
    assert driver.points() == [[[20, 30]], [[40, 40]]]
    driver.page.mouse.move(*driver.screen(60, 10))  # a new point that is adjusted at once
    driver.page.mouse.down()
    driver.page.mouse.move(*driver.screen(55, 15), steps=4)
    driver.page.mouse.up()
    assert driver.points() == [[[20, 30]], [[40, 40]], [[55, 15]]]
    driver.saved()
    assert [tuple(map(round, c.point)) for c in clicks_on_disk(folder)] == [
        (20, 30),
        (40, 40),
        (55, 15),
    ]
    driver.press("Control+z")
    assert driver.points() == [[[20, 30]], [[40, 40]]]  # placing and adjusting are one step
    driver.press("Control+z")
    assert driver.points() == [[[10, 10]], [[40, 40]]]


def test_backspace_deletes_the_point_then_the_object(
    served: str, folder: Path, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(served)
    driver.click(10, 10)
    driver.click(40, 40)
    driver.click(50, 40, "Shift")
    driver.press("Backspace")
    assert driver.points() == [[[10, 10]], [[40, 40]]]
    driver.press("Backspace")
    assert driver.points() == [[[10, 10]]]
    driver.click(10, 10)  # on its point: selects it
    driver.press("Delete")
    assert driver.points() == []
    driver.saved()
    assert clicks_on_disk(folder) == []


def test_undo_and_redo(served: str, folder: Path, open_page: Callable[..., PageDriver]) -> None:
    driver = open_page(served)
    driver.click(10, 10)
    driver.click(30, 10)
    driver.click(40, 20, "Shift")
    driver.press("Backspace", "Backspace")
    states = [
        [[[10, 10]], [[30, 10]]],
        [[[10, 10]], [[30, 10], [40, 20]]],
        [[[10, 10]], [[30, 10]]],
    ]
    assert driver.points() == [[[10, 10]]]
    for expected in states:
        driver.press("Control+z")
        assert driver.points() == expected
    for expected in (*states[1::-1], [[[10, 10]]]):
        driver.press("Control+Shift+z")
        assert driver.points() == expected
    driver.press("Control+Shift+z")
    assert driver.page.inner_text("#toast") == "Nothing to redo"
    driver.press("Control+z")
    driver.saved()
    ids = [c.annotation_id for c in clicks_on_disk(folder)]
    driver.press("Control+z", "Control+Shift+z")
    driver.saved()
    assert [c.annotation_id for c in clicks_on_disk(folder)] == ids


def test_a_reload_and_a_new_server_keep_all(
    folder: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(folder)) as address:
        driver = open_page(address)
        driver.click(10, 10)
        driver.click(20, 20, "Shift")
        driver.click(50, 40, "Alt")
        driver.page.reload()  # at once: nothing waits for the delayed save
        driver.ready()
        assert driver.points() == [[[10, 10], [20, 20]]]
        assert [[round(v) for v in p] for p in driver.objects[0]["negative_points"]] == [[50, 40]]
        port = int(address.rsplit(":", 1)[1].strip("/"))
    driver.click(30, 30)
    driver.wait("() => sapnet.saver.state === 'failed'")
    assert driver.page.inner_text("#save-state") == "Not saved"
    with serving(open_folder(folder), port):
        driver.saved()  # it tries again by itself; the version is still the right one
        driver.page.reload()
        driver.ready()
        assert driver.points() == [[[10, 10], [20, 20]], [[30, 30]]]
    assert len(clicks_on_disk(folder)) == 2


@pytest.mark.parametrize("choice", ["reload", "overwrite"])
def test_two_tabs_do_not_overwrite_each_other(
    served: str, folder: Path, open_page: Callable[..., PageDriver], choice: str
) -> None:
    first, second = open_page(served), open_page(served)
    first.click(10, 10)
    first.saved()
    second.click(50, 40)
    second.wait("() => document.getElementById('conflict-dialog').open")
    assert [tuple(map(round, c.point)) for c in clicks_on_disk(folder)] == [(10, 10)]
    text = second.page.inner_text("#conflict-text")
    assert "a.png was changed in another tab or by somebody else" in text
    second.page.click(f"#conflict-{choice}")
    second.wait("() => !document.getElementById('conflict-dialog').open")
    second.saved()
    kept = [[[10, 10]]] if choice == "reload" else [[[50, 40]]]
    assert second.points() == kept
    second.click(30, 25)  # goes on from there
    second.saved()
    found = [[list(map(round, c.point))] for c in clicks_on_disk(folder)]
    assert found == [*kept, [[30, 25]]]


def test_keys_alone_are_enough(
    served: str, folder: Path, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(served)
    driver.press("Shift+ArrowRight", "Shift+ArrowDown", "2", "Enter")
    (first,) = driver.points()[0]
    driver.press(*["Shift+ArrowRight"] * 4, "Shift+Enter", *["Shift+ArrowUp"] * 4, "Alt+Enter")
    assert len(driver.objects[0]["points"]) == 2
    assert len(driver.objects[0]["negative_points"]) == 1
    step = driver.objects[0]["points"][1][0] - driver.objects[0]["points"][0][0]
    assert step == pytest.approx(40 / driver.run("() => sapnet.view.zoom"), abs=0.05)
    driver.press(*["Shift+ArrowLeft"] * 9, "Enter", ",", "m")
    assert driver.objects[0]["points"][0] == driver.objects[1]["points"][0]
    driver.press(".", "Backspace", "d", "u")
    driver.wait("() => sapnet.store.image.name.startsWith('süd')")
    driver.saved()
    images = json.loads((folder.parent / "clicks.json").read_text("utf-8"))["images"]
    assert [(image["file_name"], image["done"]) for image in images] == [("a.png", True)]
    driver.press("?")
    shown = driver.page.inner_text("#help-body")
    for words in ("Move the crosshair", "Next candidate", "Undo", "Find a class by name"):
        assert words in shown
    assert first


def test_taps_and_the_buttons_below_the_image(
    served: str, folder: Path, open_page: Callable[..., PageDriver]
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    driver = open_page(served, device_scale_factor=2, **phone)
    for tool, (x, y) in {"new": (10, 10), "add": (40, 10), "negative": (40, 40)}.items():
        driver.page.tap(f"[data-tool={tool}]")
        driver.page.touchscreen.tap(*driver.screen(x, y))
    assert driver.points() == [[[10, 10], [40, 10]]]
    assert len(driver.objects[0]["negative_points"]) == 1
    driver.page.tap("#delete")
    driver.page.tap("#delete")
    driver.page.tap("#undo")
    assert driver.points() == [[[10, 10], [40, 10]]]
    driver.page.tap("#done")
    driver.saved()
    assert len(clicks_on_disk(folder)) == 1
    wide = driver.run("() => document.documentElement.scrollWidth")
    assert wide == 390  # nothing sticks out
    for selector in ("#tools", "#classes", "#done", "#help"):
        box = driver.page.locator(selector).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_keys_work_on_after_a_button_was_used(
    served: str, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(served)
    driver.page.click(".class-row >> nth=1")
    driver.press("Shift+ArrowRight", "Enter")  # not the button again
    assert [entry["category_id"] for entry in driver.objects] == [2]
    driver.page.click("#zoom-in")
    before = driver.screen(10, 10)
    driver.page.keyboard.down(" ")
    x, y = driver.screen(30, 30)
    driver.page.mouse.move(x, y)
    driver.page.mouse.down()
    driver.page.mouse.move(x + 25, y + 15, steps=2)
    driver.page.mouse.up()
    driver.page.keyboard.up(" ")
    np.testing.assert_allclose(driver.screen(10, 10), np.add(before, (25, 15)), atol=1e-6)


def test_the_point_is_drawn_within_50_ms(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    """From the press of the button to the pixel on the canvas; the median of nine clicks."""
    with serving(open_folder(photo)) as address:
        driver = open_page(address)
        driver.run(
            """() => {
              window.delays = [];
              const { canvas, context } = sapnet.view;
              const color = (x, y) => context.getImageData(x, y, 1, 1).data.join();
              window.addEventListener("pointerdown", (event) => {
                const box = canvas.getBoundingClientRect();
                const [x, y] = [event.clientX - box.left, event.clientY - box.top];
                const before = color(x, y);
                const look = () => {
                  if (color(x, y) === before) requestAnimationFrame(look);
                  else window.delays.push(performance.now() - event.timeStamp);
                };
                requestAnimationFrame(look);
              }, { capture: true });
            }"""
        )
        for number in range(9):
            driver.click(100 + 50 * number, 100 + 9 * number)
            driver.wait("(number) => window.delays.length > number", number)
        delays = sorted(driver.run("() => window.delays"))
        assert delays[len(delays) // 2] < 50, delays
        driver.saved()
        assert len(clicks_on_disk(photo)) == 9
