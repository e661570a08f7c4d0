"""Export and proposer on the page; no serious accessibility problem on either page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.data.choices import MASK_FORMATS
from tests.annotate.accessibility import serious_problems
from tests.annotate.review_set import make_review_set

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver


def test_what_is_drawn_can_be_exported_at_once(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
    window: dict[str, object],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address, **window)
        driver.wait("() => document.getElementById('proposer').textContent === 'Masks by nobody'")
        if driver.page.is_visible("#toggle-list"):  # on a phone, the corner is in the drawer
            driver.page.click("#toggle-list")
        driver.page.click("#proposer")
        assert "375 MB, Apache-2.0" in driver.page.inner_text("#proposer-offers")
        driver.page.click("#proposer-dialog form button")
        driver.run("() => document.body.classList.remove('list-open')")
        driver.press("b")
        driver.click(100, 100)
        driver.page.click("#export")
        with driver.page.expect_download() as download:
            driver.page.click("#export-formats button >> nth=0")  # without waiting for the save
        content = json.loads(download.value.path().read_text(encoding="utf-8"))
        assert len(content["annotations"]) == 1
        assert driver.page.is_hidden("#export-dialog")
        driver.page.click("#export")
        assert driver.page.locator("#export-formats button").count() == len(MASK_FORMATS)
        with driver.page.expect_download() as download:
            driver.page.click("text=RF-DETR")
        assert download.value.suggested_filename == "roboflow.zip"
        driver.wait(
            "() => document.getElementById('export-message').textContent"
            ".includes('RF-DETR wants valid')"
        )
        assert driver.run("() => document.documentElement.scrollWidth") <= driver.run(
            "() => innerWidth"
        )


def test_no_serious_accessibility_problem_while_clicking(
    photo: Path,
    open_folder: Callable[..., Any],
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
    window: dict[str, object],
) -> None:
    with serving(open_folder(photo)) as address:
        driver = open_page(address, **window)
        driver.press("b")
        driver.click(100, 100)
        driver.saved()
        assert serious_problems(driver) == []


def test_no_serious_accessibility_problem_in_a_review(
    tmp_path: Path,
    serving: Callable[..., Any],
    open_page: Callable[..., PageDriver],
    window: dict[str, object],
) -> None:
    from sapnet.annotate.review.serve import open_review

    workspace, _ = open_review(make_review_set(tmp_path).config(proposer="none"))
    with serving(workspace) as address:
        driver = open_page(address, **window)
        driver.wait("() => sapnet.mode && sapnet.preview.candidates.length")
        assert serious_problems(driver) == []
