"""Makes review-desktop.png and review-phone.png: the review queue on four photographs.

    python docs/figures/make_run.py ../shared/coco runs/photographs
    python docs/figures/make_review.py runs/photographs

Needs the extra `dev` and Debian's Chromium. The decisions go to a folder of their own.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from make_annotate import open_page, save, wait
from playwright.sync_api import sync_playwright

from sapnet.annotate.review.config import ReviewConfig
from sapnet.annotate.review.routes import review_routes
from sapnet.annotate.review.serve import open_review
from sapnet.annotate.serve import build_server, listen, page_address
from sapnet.annotate.server import build_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DECISIONS = ("c", "Enter", "Enter", "Backspace", "Enter")
"""Keys pressed before the picture is taken: another candidate, kept, deleted, kept."""


def main() -> None:
    """Decide a few labels of the run, and save two screenshots."""
    run = Path(sys.argv[1])
    images, store = run.parent / f"{run.name}-images", run / "proposals"
    with tempfile.TemporaryDirectory() as name:
        cfg = ReviewConfig(images, store, run / "labels.json", Path(name) / "corrections.json")
        workspace, _ = open_review(cfg)
        app = build_app(workspace, [review_routes(workspace.file)])
        server, bound = build_server(app), listen("127.0.0.1", 0)
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
    """Decide the first labels and take screenshots of the next one at both sizes."""
    page = open_page(browser, address, (1280, 800))
    at_label(page, 0)
    decided = 0
    for key in DECISIONS:
        page.keyboard.press(key)
        if key != "c":
            decided += 1
            at_label(page, decided)
    save(page, "review-desktop.png")
    phone = open_page(browser, address, (390, 844), has_touch=True)
    at_label(phone, decided)
    save(phone, "review-phone.png")


def at_label(page: Page, place: int) -> None:
    """Wait until the label at this place of the queue is shown with its candidates."""
    wait(
        page,
        "(place) => sapnet.mode?.answer && sapnet.preview.candidates.length "
        "&& sapnet.mode.queue.entries.indexOf(sapnet.mode.entry) === place",
        place,
    )


if __name__ == "__main__":
    main()
