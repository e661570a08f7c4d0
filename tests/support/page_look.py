"""A report's page in Chromium: its width, pictures, colours, and what it fetches."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from axe import axe_source, broken_rules

CHROMIUM = shutil.which("chromium")

MEASURE = """() => {
    const level = color => color.match(/[0-9]+/g).slice(0, 3).map(Number)
        .reduce((a, b) => a + b) / 3
    const text = document.querySelector('.plots svg text')
    const card = document.querySelector('.plots figure')
    return {
        width: document.documentElement.scrollWidth,
        screens: document.documentElement.scrollHeight / innerHeight,
        images: [...document.images].map(image => image.naturalWidth),
        text: level(getComputedStyle(text).fill),
        card: level(getComputedStyle(card).backgroundColor),
    }
}"""


@dataclass(frozen=True)
class Look:
    """What a browser shows: width and height (in screens) of the page, widths of its images,
    brightness of a plot's text and ground, and what was fetched."""

    width: int
    screens: float
    images: list[int]
    text: float
    card: float
    requests: list[str]


def _look(address: str, size: tuple[int, int], scheme: str) -> Look:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        view = {"width": size[0], "height": size[1]}
        page = browser.new_page(viewport=view, color_scheme=scheme)
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.wait_for_function("[...document.images].every(image => image.complete)")
        found = page.evaluate(MEASURE)
        browser.close()
    fetched = [url for url in requests if not url.startswith("data:")]
    return Look(**found, requests=fetched)


def look(path: Path, size: tuple[int, int], scheme: str) -> Look:
    # In a thread of its own: another test may have Playwright running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_look, path.as_uri(), size, scheme).result()


def serious_problems(path: Path, size: tuple[int, int], scheme: str) -> list[str]:
    """Rules of accessibility that a page breaks; skipped where there is no axe-core."""
    source = axe_source()

    def judge() -> list[str]:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            view = {"width": size[0], "height": size[1]}
            page = browser.new_page(viewport=view, color_scheme=scheme)
            page.goto(path.as_uri())
            page.add_script_tag(content=source)
            page.evaluate(
                "() => document.querySelectorAll('details').forEach((d) => d.open = true)"
            )
            found = broken_rules(page)
            browser.close()
        return found

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(judge).result()


def check_look(path: Path, size: tuple[int, int], scheme: str, least_images: int) -> Look:
    """Checks that a page fits the screen, shows its pictures, can be read and fetches nothing."""
    found = look(path, size, scheme)
    assert found.requests == [path.as_uri()]
    assert found.width == size[0]  # nothing sticks out to the side
    assert len(found.images) >= least_images
    assert min(found.images) > 0
    contrast = found.card - found.text if scheme == "light" else found.text - found.card
    assert contrast > 150
    return found
