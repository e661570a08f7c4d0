"""Makes annotate-desktop.png and annotate-phone.png: the click page on four photographs.

    python docs/figures/make_annotate.py ../shared/coco

Needs the extra `dev`, Debian's Chromium and COCO's val2017 with its instances. The photographs are
those of `README.md` (CC BY 2.0).
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from sapnet.annotate.click.export import export_routes
from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.click.proposers import proposer_routes
from sapnet.annotate.click.routes import click_routes
from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.annotate.serve import build_server, listen, page_address
from sapnet.annotate.server import build_app
from sapnet.annotate.workspace import Workspace
from sapnet.proposals.build import build_staged_proposer
from sapnet.proposals.config import StagedConfig

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FIGURES = Path(__file__).parent
PHOTOGRAPHS = ("000000030213", "000000311303", "000000343937", "000000547336")
CLASSES = ("fridge", "basket", "bowl", "sink", "chair", "cup", "person")
KITCHEN = (("fridge", 560, 190), ("basket", 210, 380), ("bowl", 322, 232), ("chair", 460, 425))
"""Class, x and y of clicks on the first photograph."""
COLORS = 256
"""Of the figures' palettes: a few hundred kB less, and hardly seen."""
KMEANS_ROUNDS = 8


def main() -> None:
    """Open the page on the photographs, click, and save two screenshots."""
    coco = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        images = Path(name) / "photographs"
        images.mkdir()
        for number in PHOTOGRAPHS:
            shutil.copyfile(coco / f"val2017/{number}.jpg", images / f"{number}.jpg")
        listing, file = open_click_file(images, Path(name) / "clicks.json", CLASSES)
        proposer = build_staged_proposer(StagedConfig("click"))
        workspace = Workspace(listing, file, PreviewWorker(proposer))
        file.note_proposer("click", None)
        routers = [
            click_routes(workspace),
            export_routes(file, images),
            proposer_routes(workspace, "cpu"),
        ]
        server, bound = build_server(build_app(workspace, routers)), listen("127.0.0.1", 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                photograph(browser, page_address(bound))
        finally:
            server.should_exit = True
            thread.join()


def photograph(browser: Browser, address: str) -> None:
    """Keep masks on the first photograph and photograph it; then the second one on a phone."""
    page = open_page(browser, address, (1280, 800))
    for place, (name, x, y) in enumerate(KITCHEN):
        page.evaluate("(id) => sapnet.store.setCategory(id)", CLASSES.index(name) + 1)
        click(page, x, y)
        if place < len(KITCHEN) - 1:
            page.keyboard.press("Enter")
            wait(page, "() => sapnet.store.selected === null")
    page.keyboard.press("b")
    page.mouse.move(*position(page, 430, 372))
    save(page, "annotate-desktop.png")

    phone = open_page(browser, address, (390, 844), has_touch=True, device_scale_factor=2)
    wait(phone, "() => sapnet.store.place === 1")
    phone.evaluate("(id) => sapnet.store.setCategory(id)", CLASSES.index("cup") + 1)
    click(phone, 470, 300)
    save(phone, "annotate-phone.png")


def click(page: Page, x: float, y: float) -> None:
    """Click an image position and wait for its candidates."""
    page.mouse.click(*position(page, x, y))
    wait(page, "() => sapnet.preview.candidates.length > 2")


def position(page: Page, x: float, y: float) -> tuple[float, float]:
    """Convert an image position to a window position."""
    left, top = page.evaluate(
        "(point) => { const box = sapnet.view.canvas.getBoundingClientRect(); "
        "const [x, y] = sapnet.view.toScreen(point); return [box.left + x, box.top + y]; }",
        [x, y],
    )
    return left, top


def open_page(browser: Browser, address: str, size: Sequence[int], **options: object) -> Page:
    """A page of its own profile with an image on it."""
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=viewport, color_scheme="light", **options).new_page()
    page.goto(address)
    wait(page, "() => window.sapnet?.store.image && sapnet.view.tiles.tiles.size")
    return page


def wait(page: Page, script: str, argument: object = None) -> None:
    """Wait until a script returns something true."""
    end = time.monotonic() + 60
    while not page.evaluate(script, argument):
        if time.monotonic() > end:
            raise TimeoutError(script)
        time.sleep(0.05)


def save(page: Page, name: str) -> None:
    """Save a screenshot."""
    time.sleep(1.5)  # thumbnails, and the note that all is saved
    save_picture(Image.open(io.BytesIO(page.screenshot())), name)


def save_picture(picture: Image.Image, name: str) -> None:
    """Save a picture with a palette."""
    picture = picture.convert("RGB")
    # k-means keeps the small marks' colours, which a median cut alone gives away to the image.
    palette = picture.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=KMEANS_ROUNDS)
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(
        FIGURES / name, optimize=True
    )


if __name__ == "__main__":
    main()
