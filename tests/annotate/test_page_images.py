"""The page in real Chromium: many, large, turned and unreadable images, and previews."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.data.clicks import load_clicks
from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver


def screen_pixel(driver: PageDriver, x: float, y: float) -> tuple[int, ...]:
    """The colour that the window shows at an image position."""
    left, top = driver.screen(x, y)
    picture = driver.page.screenshot(clip={"x": left, "y": top, "width": 1, "height": 1})
    return tuple(Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0)))


def test_a_turned_photograph_is_shown_and_clicked_upright(
    tmp_path: Path,
    save_image: Callable[..., np.ndarray],
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    images = tmp_path / "images"
    stored = save_image(images / "phone.jpg", (60, 100), orientation=6)
    upright = np.rot90(stored, -1)
    rows, columns = np.nonzero(upright[..., 0] > 200)
    x, y = float(columns.mean()) + 0.5, float(rows.mean()) + 0.5
    with serving(open_folder(images)) as address:
        driver = open_page(address)
        red = screen_pixel(driver, x, y)
        assert red[0] > 200
        assert red[1] < 80
        assert screen_pixel(driver, x, 90)[1] > 100
        driver.click(x, y)
        driver.saved()
    found = load_clicks(tmp_path / "clicks.json")
    assert (found.images[0].width, found.images[0].height) == (60, 100)
    assert found.clicks[0].point == pytest.approx((x, y), abs=0.2)


def test_arrows_filter_progress_and_unreadable_images(
    folder: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    with serving(open_folder(folder)) as address:
        driver = open_page(address)
        page = driver.page
        assert page.inner_text("#position") == "1 / 3"
        driver.press("ArrowRight")
        driver.wait("() => sapnet.store.image.name === 'broken.jpg'")
        assert "broken.jpg: cannot be read" in page.inner_text("#problem")
        driver.press("ArrowRight")
        driver.wait("() => sapnet.store.image.name === 'süd/bäume 1.jpg'")
        assert page.is_hidden("#problem")
        driver.ready()
        driver.click(20, 20)
        assert page.inner_text("#progress-text") == "1 of 2 annotated"
        assert page.inner_text("#object-total") == "1 object"
        page.select_option("#filter", "unannotated")
        rows = page.locator(".list-row:not([hidden])")
        assert rows.count() == 1
        assert "a.png" in rows.inner_text()
        page.select_option("#filter", "problem")
        assert "cannot be read" in rows.inner_text()
        page.select_option("#filter", "all")
        page.fill("#find", "bäu")
        assert "1 object" in rows.inner_text()
        driver.saved()
    assert load_clicks(folder.parent / "clicks.json").images[0].file_name == "süd/bäume 1.jpg"


def test_a_thousand_images_scroll(
    tmp_path: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(1000):
        color = (number % 256, number // 4, 90)
        Image.new("RGB", (32, 24), color).save(images / f"{number:04}.png")
    with serving(open_folder(images)) as address:
        driver = open_page(address)
        seconds, rows = driver.run(
            """async () => {
              const list = document.getElementById("list");
              const times = [];
              let rows = 0;
              for (let step = 1; step <= 50; step++) {
                list.scrollTop = (list.scrollHeight * step) / 50;
                const start = performance.now();
                sapnet.list.render();
                times.push(performance.now() - start);
                rows = Math.max(rows, document.querySelectorAll(".list-row").length);
                await new Promise(requestAnimationFrame);
              }
              return [times.sort((a, b) => a - b)[25] / 1000, rows];
            }"""
        )
        assert rows < 40
        assert seconds < 0.016  # a frame; the median of 50 steps
        last = driver.page.locator(".list-row", has_text="0999.png")
        assert last.is_visible()
        driver.wait(
            "() => [...document.querySelectorAll('.list-row')].some((row) => "
            "row.textContent.includes('0999.png') && row.querySelector('img').naturalWidth === 32)"
        )
        last.click()
        driver.wait("() => sapnet.store.image.name === '0999.png'")
        assert driver.page.inner_text("#position") == "1000 / 1000"
        driver.press("ArrowRight")
        assert driver.page.inner_text("#toast") == "Last image of the list"


def test_a_large_image_is_sharp_where_it_is_zoomed(
    tmp_path: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    pixels = np.full((6000, 8000, 3), 90, np.uint8)
    pixels[5000:5003, 7001:7004] = (255, 255, 255)
    Image.fromarray(pixels).save(images / "large.jpg", quality=95)
    with serving(open_folder(images)) as address:
        driver = open_page(address)
        asked: list[str] = []
        driver.page.on("request", lambda request: asked.append(request.url))
        assert driver.run("() => sapnet.view.zoom") < 0.15
        driver.run(
            "() => { const { view } = sapnet; view.zoomAt(4); const [x, y] = "
            "view.toScreen([7002.5, 5001.5]); view.pan(view.width / 2 - x, view.height / 2 - y); }"
        )
        driver.wait(
            "() => [...sapnet.view.tiles.tiles].filter(([address, tile]) => "
            "address.includes('level=0') && tile.bitmap).length >= 1"
        )
        driver.run("() => sapnet.view.draw()")
        assert min(screen_pixel(driver, 7002.5, 5001.5)) > 220
        assert max(screen_pixel(driver, 7005.5, 5001.5)) < 130
        assert max(screen_pixel(driver, 6999.5, 5001.5)) < 130
        driver.click(7002.5, 5001.5)
        driver.saved()
        assert len([url for url in asked if "/api/tile" in url]) <= 4
    (click,) = load_clicks(tmp_path / "clicks.json").clicks
    assert click.point == pytest.approx((7002.5, 5001.5), abs=0.3)


class SlowProposer:
    """One square mask per click, once it is let go."""

    name = "slow"
    settings: dict[str, Any] = {}  # noqa: RUF012  # as the protocol has it

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        return self.propose_prepared(image.shape, clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> tuple[int, ...]:
        return image.shape

    def propose_prepared(
        self, prepared: tuple[int, ...], clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        self.asked.set()
        self.may_answer.wait(60)
        x, y = map(int, clicks[indices[0]].point)
        mask = np.zeros((1, *prepared[:2]), np.uint8)
        mask[0, y - 4 : y + 4, x - 4 : x + 4] = 1
        rles = encode_masks(mask)
        return [Proposals(rles, rle_boxes(rles), np.ones(1, np.float32), ("square",))]


def test_a_slow_preview_never_holds_up_clicking(
    folder: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    proposer = SlowProposer()
    with ThreadPoolExecutor(1) as executor:
        workspace = open_folder(folder, PreviewWorker(proposer, executor))
        with serving(workspace) as address:
            driver = open_page(address)
            driver.click(10, 10)
            assert proposer.asked.wait(20)
            for x in (20, 30, 40, 50):
                driver.click(x, 30)
            driver.saved()  # all five, while the first answer is still awaited
            assert driver.run("() => sapnet.preview.candidates.length") == 0
            assert len(load_clicks(folder.parent / "clicks.json").clicks) == 5
            proposer.may_answer.set()
            driver.wait("() => sapnet.preview.candidates.length")
            mask = driver.run("() => sapnet.preview.candidates[0].mask")
            rle = {"size": mask["size"], "counts": mask["counts"].encode()}
            rows, columns = np.nonzero(decode_masks([rle])[0])
            assert (round(columns.mean()), round(rows.mean())) == (50, 30)  # the last click's


def test_candidates_appear_are_cycled_and_pinned(
    tiny_set: Any,  # noqa: ANN401  # the synthetic set of the session
    tmp_path: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    truth = load_clicks(tiny_set.clicks)
    click = truth.clicks[0]
    name = next(i.file_name for i in truth.images if i.image_id == click.image_id)
    images = tmp_path / "images"
    images.mkdir()
    (images / name).write_bytes((tiny_set.images / name).read_bytes())
    with ThreadPoolExecutor(1) as executor:
        workspace = open_folder(images, PreviewWorker(RegionProposer(), executor))
        with serving(workspace) as address:
            driver = open_page(address)
            before = screen_pixel(driver, click.point[0] + 1.5, click.point[1] + 1.5)
            driver.click(*click.point)
            driver.wait("() => sapnet.preview.candidates.length > 2")
            driver.wait("() => !document.getElementById('candidates-section').hidden")
            shown = (
                "() => sapnet.preview.candidates.indexOf(sapnet.preview.candidates.find("
                "({ mask }) => mask === sapnet.view.overlay.candidate.mask))"
            )
            assert driver.run(shown) == 0
            driver.press("c", "c")
            assert driver.run(shown) == 2
            driver.press("Shift+c")
            assert driver.run(shown) == 1
            chosen = driver.run("() => sapnet.preview.candidates[1].mask")
            driver.press("p")
            driver.saved()
            (saved,) = load_clicks(tmp_path / "clicks.json").clicks
            assert saved.mask is not None
            assert saved.mask["counts"].decode() == chosen["counts"]
            driver.page.reload()
            driver.ready()
            assert driver.objects[0]["mask"] == chosen
            assert screen_pixel(driver, click.point[0] + 1.5, click.point[1] + 1.5) != before
            driver.click(*click.point)  # select it, look again, let it go
            driver.press("c")
            driver.wait("() => sapnet.preview.candidates.length")
            assert driver.run("() => sapnet.preview.chosen") == -1  # the pinned one stays shown
            driver.press("p")
            driver.saved()
            (saved,) = load_clicks(tmp_path / "clicks.json").clicks
            assert saved.mask is None


def test_masks_are_drawn_where_they_are(
    folder: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
) -> None:
    """The page's reading of run lengths against the compiled one, random shapes."""
    generator = np.random.default_rng(0)
    masks = [generator.random((h, w)) < p for h, w, p in ((1, 1, 1), (7, 5, 0.5), (300, 200, 0.02))]
    blob = np.zeros((90, 130), bool)
    blob[20:60, 33:101] = True
    masks += [blob, np.zeros((4, 6), bool), np.ones((4, 6), bool)]
    with serving(open_folder(folder)) as address:
        driver = open_page(address)
        for mask in masks:
            (rle,) = encode_masks(mask[None])
            runs = driver.run(
                "async (text) => (await import('/static/shared/masks.js')).decodeCounts(text)",
                rle["counts"].decode(),
            )
            values = np.repeat(np.arange(len(runs)) % 2, runs).reshape(mask.T.shape).T
            np.testing.assert_array_equal(values, mask)
