"""The ladder's page in a real browser: skipped where there is no Chromium with Playwright."""

from pathlib import Path

import pytest
from page_look import CHROMIUM, check_look

from benchmarks.ladder.page.file import LadderFolder
from benchmarks.ladder.page.page import LadderInputs, report_ladder

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (`apt-get install chromium`)")


@pytest.mark.parametrize(("size", "scheme"), [((1280, 800), "light"), ((390, 844), "dark")])
def test_a_screen_and_a_phone_in_both_themes(
    ladder_folder: LadderFolder, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    inputs = LadderInputs(ladder_folder.root / "ladder.json", num_objects=4)
    path = report_ladder(inputs, tmp_path / "ladder.html")
    check_look(path, size, scheme, least_images=36)
