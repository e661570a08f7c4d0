"""Makes annotate-desktop.png and annotate-phone.png: the click page on a synthetic set.

    python docs/figures/make_annotate.py

Needs the extra `dev` and Debian's Chromium. Everything is drawn anew: images, clicks, candidates.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from sapnet.annotate.click.opening import open_click_file
from sapnet.annotate.click.routes import click_routes
from sapnet.annotate.preview import PreviewWorker
from sapnet.annotate.serve import build_server, listen, page_address
from sapnet.annotate.server import build_app
from sapnet.annotate.workspace import Workspace
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import ClickSet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FIGURES = Path(__file__).parent
DATA = SyntheticConfig(num_images=24, size=(480, 640), num_classes=5, noise=0.0, seed=11)
IMAGES_CLICKED = 7
COLORS = 256
"""Of the figures' palettes: a few hundred kB less, and hardly seen."""
KMEANS_ROUNDS = 8


def main() -> None:
    """Draw the set, open the page on it, click, and save two screenshots."""
    with tempfile.TemporaryDirectory() as name:
        paths = write_synthetic(Path(name) / "photos", DATA)
        truth = sample_clicks(load_instances(paths.truth), "quasi-center", 0)
        names = [category.name for category in truth.categories]
        listing, file = open_click_file(paths.images, Path(name) / "clicks.json", names)
        workspace = Workspace(listing, file, PreviewWorker(RegionProposer()))
        app = build_app(workspace, [click_routes(workspace)])
        server, bound = build_server(app), listen("127.0.0.1", 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                photograph(browser, page_address(bound), truth)
        finally:
            server.should_exit = True
            thread.join()


def photograph(browser: Browser, address: str, truth: ClickSet) -> None:
    """Clicks through the first images and photographs the next one at both sizes."""
    page = open_page(browser, address, (1280, 800))
    for image in truth.images[:IMAGES_CLICKED]:
        click_objects(page, truth, image.image_id)
        page.keyboard.press("ArrowRight")
        time.sleep(0.3)
    shown = truth.images[IMAGES_CLICKED].image_id
    click_objects(page, truth, shown)
    wait(page, "() => sapnet.preview.candidates.length > 3")
    page.keyboard.press("c")
    save(page, "annotate-desktop.png")

    phone = open_page(browser, address, (390, 844), has_touch=True, device_scale_factor=2)
    click_objects(phone, truth, truth.images[IMAGES_CLICKED + 1].image_id)
    wait(phone, "() => sapnet.preview.candidates.length > 3")
    save(phone, "annotate-phone.png")


def open_page(browser: Browser, address: str, size: Sequence[int], **options: object) -> Page:
    """A page of its own profile with an image on it."""
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=viewport, color_scheme="light", **options).new_page()
    page.goto(address)
    wait(page, "() => window.sapnet?.store.image && sapnet.view.tiles.tiles.size")
    return page


def click_objects(page: Page, truth: ClickSet, image_id: int) -> None:
    """Click every object of the shown image, each with its class."""
    wait(page, "(place) => sapnet.store.place === place", image_id - 1)
    for click in (click for click in truth.clicks if click.image_id == image_id):
        page.evaluate("(id) => sapnet.store.setCategory(id)", click.category_id)
        x, y = page.evaluate(
            "(point) => { const box = sapnet.view.canvas.getBoundingClientRect(); "
            "const [x, y] = sapnet.view.toScreen(point); return [box.left + x, box.top + y]; }",
            list(click.point),
        )
        page.mouse.click(x, y)


def wait(page: Page, script: str, argument: object = None) -> None:
    """Wait until a script returns something true."""
    end = time.monotonic() + 60
    while not page.evaluate(script, argument):
        if time.monotonic() > end:
            raise TimeoutError(script)
        time.sleep(0.05)


def save(page: Page, name: str) -> None:
    """Save a screenshot with a palette."""
    time.sleep(1.5)  # thumbnails, and the note that all is saved
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # k-means keeps the small marks' colours, which a median cut alone gives away to the image.
    palette = picture.quantize(COLORS, Image.Quantize.MAXCOVERAGE, kmeans=KMEANS_ROUNDS)
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(
        FIGURES / name, optimize=True
    )


if __name__ == "__main__":
    main()
