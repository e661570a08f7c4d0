"""Folders of generated images, a server in a thread, and a page in Chromium."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request

    from sapnet.annotate.preview.worker import PreviewWorker
    from sapnet.annotate.workspace import Workspace

NEEDS_UI = "the page needs the extra `ui`"
CLASSES = ("person", "car", "dog")
CHROMIUM_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PATIENCE = 20.0  # seconds; generous for a busy machine


def _save_image(path: Path, size: tuple[int, int] = (48, 64), orientation: int = 1) -> np.ndarray:
    """Write a gray image (height, width) with a red block; return the pixels as stored."""
    pixels = np.full((*size, 3), 128, np.uint8)
    pixels[size[0] // 4 : size[0] // 2, size[1] // 4 : size[1] // 2] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images: plain, non-ASCII in a sub-folder, and one that is no image."""
    images = tmp_path / "images"
    _save_image(images / "a.png")
    _save_image(images / "süd" / "bäume 1.jpg", (60, 100))
    (images / "broken.jpg").write_text("no image")
    return images


def _open_folder(
    images: Path, preview: PreviewWorker | None = None, classes: Sequence[str] = CLASSES
) -> Workspace:
    """A workspace on a folder; clicks go beside it."""
    pytest.importorskip("fastapi", reason=NEEDS_UI)
    from sapnet.annotate.click.opening import open_click_file
    from sapnet.annotate.workspace import Workspace

    listing, file = open_click_file(images, images.parent / "clicks.json", classes)
    return Workspace(listing, file, preview)


@contextmanager
def _serving(workspace: Workspace, port: int = 0, **parts: object) -> Iterator[str]:
    """Serve a workspace from a thread; yield the page's address."""
    from sapnet.annotate.serve import build_server, listen, page_address
    from tests.annotate.pages import app_of

    bound = listen("127.0.0.1", port)
    server = build_server(app_of(workspace, **parts))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield page_address(bound)
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


Found = TypeVar("Found")


def _wait_for(condition: Callable[[], Found], what: str, seconds: float = PATIENCE) -> Found:
    """The first true value of a condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@pytest.fixture(scope="session")
def save_image() -> Callable[..., np.ndarray]:
    return _save_image


@pytest.fixture(scope="session")
def open_folder() -> Callable[..., Workspace]:
    return _open_folder


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractContextManager[str]]:
    return _serving


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    return _wait_for


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright.

    Per module: while it runs, nothing else in this thread may start an event loop.
    """
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine (`apt-get install chromium`)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@dataclass
class PageDriver:
    """A page with short names for what the tests do on it.

    Attributes:
        page: Playwright's page.
        address: of the server.
    """

    page: Page
    address: str

    def run(self, script: str, argument: object = None) -> Any:  # noqa: ANN401  # a script's value
        return self.page.evaluate(script, argument)

    def wait(self, script: str, argument: object = None) -> Any:  # noqa: ANN401  # likewise
        """The first true value of a script; polled from here, as the page forbids `eval`."""
        return _wait_for(lambda: self.page.evaluate(script, argument), script)

    def ready(self) -> None:
        """Wait until an image is drawn."""
        self.wait(
            "() => window.sapnet?.store.image && (sapnet.store.image.problem || "
            "[...sapnet.view.tiles.tiles.values()].some((tile) => tile.bitmap))"
        )

    def screen(self, x: float, y: float) -> tuple[float, float]:
        """Convert an image position to a window position, with the page's own arithmetic."""
        x, y = self.run(
            "([x, y]) => { const b = sapnet.view.canvas.getBoundingClientRect(); "
            "const [sx, sy] = sapnet.view.toScreen([x, y]); return [b.left + sx, b.top + sy]; }",
            [x, y],
        )
        return x, y

    def click(self, x: float, y: float, *keys: str, button: str = "left") -> None:
        """Click on an image position while keys are held."""
        for key in keys:
            self.page.keyboard.down(key)
        self.page.mouse.click(*self.screen(x, y), button=button)
        for key in reversed(keys):
            self.page.keyboard.up(key)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The shown image's objects, as the page holds them."""
        found: list[dict[str, Any]] = self.run("() => sapnet.store.objects")
        return found

    def points(self) -> list[list[list[float]]]:
        """The points of every object, to whole pixels."""
        return [[[round(x), round(y)] for x, y in entry["points"]] for entry in self.objects]

    def saved(self) -> None:
        """Wait until all is saved."""
        self.wait(
            "() => sapnet.saver.state === 'saved' && ![...sapnet.store.documents.values()]"
            ".some((held) => held.isChanged)"
        )


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., PageDriver]]:
    """Open pages in fresh profiles; then check for failures and requests to other hosts."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def open_one(address: str, **options: object) -> PageDriver:
        window = {"viewport": {"width": 1181, "height": 743}, **options}
        context = chromium.new_context(**window)
        contexts.append(context)
        page = context.new_page()

        def check(request: Request) -> None:
            if not request.url.startswith((address, "blob:", "data:")):
                failures.append(f"asked {request.url}")

        page.on("request", check)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(address)
        driver = PageDriver(page, address)
        driver.ready()
        return driver

    yield open_one
    for context in contexts:
        context.close()
    assert failures == []
