"""The page in a real browser: skipped where there is no Chromium with Playwright."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.ladder.page.file import LadderFolder
from benchmarks.ladder.page.page import LadderInputs, report_ladder
from sapnet.report.build import RunInputs, build_run_report
from sapnet.report.contents import ReportInputs
from sapnet.report.page import write_report

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (`apt-get install chromium`)")

MEASURE = """() => {
    const level = color => color.match(/[0-9]+/g).slice(0, 3).map(Number)
        .reduce((a, b) => a + b) / 3
    const text = document.querySelector('.plots svg text')
    const card = document.querySelector('.plots figure')
    return {
        width: document.documentElement.scrollWidth,
        images: [...document.images].map(image => image.naturalWidth),
        text: level(getComputedStyle(text).fill),
        card: level(getComputedStyle(card).backgroundColor),
    }
}"""


@dataclass(frozen=True)
class Look:
    """What a browser shows: width of the page, of its images, brightness of a plot's text and
    ground, and what was fetched."""

    width: int
    images: list[int]
    text: float
    card: float
    requests: list[str]


def _look(address: str, size: tuple[int, int], scheme: str) -> Look:
    with playwright.sync_playwright() as started:
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


@pytest.fixture
def page_path(discs: Path, tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    inputs = RunInputs(
        tmp_path / "run",
        labels=discs / "labels.json",
        images=discs,
        truth=discs / "truth.json",
        predictions=discs / "results.json",
    )
    report = build_run_report(inputs)
    return write_report(tmp_path / "report.html", ReportInputs("Discs", (report,)))


@pytest.fixture
def ladder_page(ladder_folder: LadderFolder, tmp_path: Path) -> Path:
    inputs = LadderInputs(ladder_folder.root / "ladder.json", num_objects=4)
    return report_ladder(inputs, tmp_path / "ladder.html")


@pytest.mark.parametrize(("fixture", "least_images"), [("page_path", 30), ("ladder_page", 36)])
@pytest.mark.parametrize(("size", "scheme"), [((1280, 800), "light"), ((390, 844), "dark")])
def test_a_screen_and_a_phone_in_both_themes(
    request: pytest.FixtureRequest,
    fixture: str,
    least_images: int,
    size: tuple[int, int],
    scheme: str,
) -> None:
    path: Path = request.getfixturevalue(fixture)
    found = look(path, size, scheme)

    assert found.requests == [path.as_uri()]
    assert found.width == size[0]  # nothing sticks out to the side
    assert len(found.images) >= least_images
    assert min(found.images) > 0
    contrast = found.card - found.text if scheme == "light" else found.text - found.card
    assert contrast > 150
