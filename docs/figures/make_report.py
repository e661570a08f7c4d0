"""Makes report-desktop.png and report-phone.png: the report of a run on four photographs.

    python docs/figures/make_run.py ../shared/coco runs/photographs
    python docs/figures/make_report.py runs/photographs

Needs the extra `dev` and Debian's Chromium. The phone's picture shows the first three screens side
by side.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from make_annotate import save_picture
from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DESKTOP, PHONE = (1280, 800), (390, 844)
SCREENS, GAP = 3, 24
PATIENCE = 120_000  # ms, for a busy machine


def main() -> None:
    """Take both pictures of `RUN/report.html`."""
    address = (Path(sys.argv[1]) / "report.html").resolve().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        save_picture(screens(browser, address, DESKTOP, 1)[0], "report-desktop.png")
        phone = screens(browser, address, PHONE, SCREENS)
        width, height = PHONE
        side_by_side = Image.new("RGB", (SCREENS * width + (SCREENS - 1) * GAP, height), "white")
        for number, screen in enumerate(phone):
            side_by_side.paste(screen, (number * (width + GAP), 0))
        save_picture(side_by_side, "report-phone.png")


def screens(browser: Browser, address: str, size: tuple[int, int], count: int) -> list[Image.Image]:
    """Photograph the first screens of a page, each scrolled by its height."""
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    page.goto(address, timeout=PATIENCE)
    found = []
    for number in range(count):
        page.evaluate("(top) => scrollTo(0, top)", number * height)
        page.wait_for_timeout(500)
        found.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    return found


if __name__ == "__main__":
    main()
