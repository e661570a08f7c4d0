"""Makes review-desktop.png and review-phone.png: the review queue on a synthetic set.

    sapnet demo --out runs/demo
    python docs/figures/make_review.py runs/demo/simulated/run

Needs the extra `dev`, Debian's Chromium and a run trained on the synthetic set. Everything else is
drawn anew: images, clicks, candidates, labels.
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
from sapnet.annotate.review.desk import ReviewDesk
from sapnet.annotate.review.routes import review_routes
from sapnet.annotate.review.serve import open_review
from sapnet.annotate.serve import build_server, listen, page_address
from sapnet.annotate.server import build_app
from sapnet.annotate.workspace import Workspace
from sapnet.data.clicks import save_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import write_synthetic
from sapnet.proposals.config import ProposeConfig
from sapnet.proposals.propose import propose

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DATA = SyntheticConfig(num_images=30, size=640, noise=0.0, seed=7)
DECISIONS = ("c", "Enter", "Enter", "Backspace", "Enter")
"""Keys pressed before the picture is taken: another candidate, kept, deleted, kept."""


def main() -> None:
    """Label the set with the run, decide a few labels, and save two screenshots."""
    with tempfile.TemporaryDirectory() as name:
        workspace = make_workspace(Path(name), sys.argv[1])
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


def make_workspace(folder: Path, run: str) -> Workspace[ReviewDesk]:
    """Labels of a new synthetic set, open for review."""
    paths = write_synthetic(folder / "data", DATA)
    clicks = folder / "clicks.json"
    save_clicks(clicks, sample_clicks(load_instances(paths.truth), "quasi-center", 0))
    store = folder / "store"
    propose(ProposeConfig(paths.images, clicks, store, proposer="simulated", workers=1))
    return open_review(ReviewConfig(paths.images, store, folder / "labels.json", run=run))[0]


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
