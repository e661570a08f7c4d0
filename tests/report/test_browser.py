"""The page in a real browser: skipped where there is no Chromium with Playwright."""

from pathlib import Path

import pytest
from page_look import CHROMIUM, check_look, serious_problems

from sapnet.report.build import RunInputs, build_run_report
from sapnet.report.contents import ReportInputs
from sapnet.report.page import write_report

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (`apt-get install chromium`)")


@pytest.fixture
def page_path(upright_discs: Path, tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    discs = upright_discs
    inputs = RunInputs(
        tmp_path / "run",
        labels=discs / "labels.json",
        images=discs,
        truth=discs / "truth.json",
        predictions=discs / "results.json",
    )
    report = build_run_report(inputs)
    return write_report(tmp_path / "report.html", ReportInputs("Discs", (report,)))


@pytest.mark.parametrize(("size", "scheme"), [((1280, 800), "light"), ((390, 844), "dark")])
def test_a_screen_and_a_phone_in_both_themes(
    page_path: Path, size: tuple[int, int], scheme: str
) -> None:
    found = check_look(page_path, size, scheme, least_images=30)
    assert found.screens <= 6  # the rest is folded


@pytest.mark.parametrize(("size", "scheme"), [((1280, 800), "light"), ((390, 844), "dark")])
def test_no_serious_accessibility_problem(
    page_path: Path, size: tuple[int, int], scheme: str
) -> None:
    assert serious_problems(page_path, size, scheme) == []  # with everything unfolded
