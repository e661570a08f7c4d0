"""A better proposer is fetched on the page from a hub that is slow, breaks off, or is away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.annotate.hub import CHUNK, FakeHub, fake_hub
from tests.proposals.conftest import save_checkpoint

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")

NAME = "facebook/sam-vit-base"
AWAY = "http://127.0.0.1:9"
REFUSED = f"Not fetched: the hub did not give {NAME} ("
FIRST_OFFER = "#proposer-offers section >> nth=0"
PATIENCE = 120.0
"""Seconds for a process that imports torch and transformers on a busy machine."""

MESSAGE = "() => document.getElementById('proposer-message').textContent"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    folder = save_checkpoint("sam", tmp_path / "sam")
    (folder / "more.safetensors").write_bytes(bytes(3 * CHUNK))  # a download of several chunks
    with fake_hub(folder, NAME) as found:
        yield found


@contextmanager
def page_of(photo: Path, endpoint: str) -> Iterator[str]:
    """Run `sapnet annotate` with another hub and an empty cache; yield the page's address."""
    command = [sys.executable, "-m", "sapnet", "annotate", str(photo), "--classes", "cup"]
    command += ["--proposer", "click", "--no-browser", "--port", "0", "--device", "cpu"]
    hub = {"HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(photo.parent / "cache")}
    patient = {"HF_HUB_OFFLINE": "0", "HF_HUB_DOWNLOAD_TIMEOUT": "120", "no_proxy": "127.0.0.1"}
    environment = {**os.environ, **hub, **patient}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        lines = iter(process.stdout or ())
        yield next(line.split()[1] for line in lines if line.startswith("open "))
    finally:
        process.terminate()
        process.wait()


def wait(driver: PageDriver, script: str) -> None:
    end = time.monotonic() + PATIENCE
    while not driver.run(script):
        assert time.monotonic() < end, script
        time.sleep(0.05)


def corner(driver: PageDriver, text: str) -> None:
    wait(driver, f"() => document.getElementById('proposer').textContent === 'Masks by {text}'")


def click_for_candidates(driver: PageDriver, x: float) -> None:
    driver.run("() => document.getElementById('proposer-dialog').close()")
    driver.click(x, 100)
    wait(driver, "() => sapnet.preview.candidates.length")
    driver.saved()


def press_fetch(driver: PageDriver) -> None:
    driver.run("() => document.getElementById('proposer-dialog').showModal()")
    driver.page.click(f"{FIRST_OFFER} >> button")


@pytest.mark.parametrize("window", ["phone dark"], indirect=True)  # the others are on a desktop
def test_a_better_proposer_is_fetched_while_clicking_goes_on(
    photo: Path, hub: FakeHub, open_page: Callable[..., PageDriver], window: dict[str, object]
) -> None:
    with page_of(photo, hub.address) as address:
        driver = open_page(address, **window)
        corner(driver, "the embedded segmenter")
        assert not hub.paths  # nothing is asked before the button is pressed
        press_fetch(driver)
        wait(  # the weights stop in the middle
            driver,
            "() => { const bar = document.querySelector('#proposer-offers progress'); "
            "return bar && bar.value > 0.2 && bar.value < 0.9; }",
        )
        assert driver.page.locator("#proposer-offers button:enabled").count() == 0
        assert re.search(r"; fetching \d+ %$", driver.page.text_content("#proposer") or "")
        click_for_candidates(driver, 60)
        hub.may_send.set()
        corner(driver, f"SAM, {NAME}")
        click_for_candidates(driver, 120)
        driver.page.reload()
        corner(driver, f"SAM, {NAME}")
        driver.run("() => document.getElementById('proposer-dialog').showModal()")
        assert "at work" in driver.page.inner_text(FIRST_OFFER)
        driver.page.click("#proposer-offers section:last-child button")  # the way back
        corner(driver, "the embedded segmenter")
        click_for_candidates(driver, 180)


def test_a_hub_that_breaks_off_or_is_away_is_told_in_one_line(
    photo: Path, hub: FakeHub, open_page: Callable[..., PageDriver]
) -> None:
    hub.breaks = True
    with page_of(photo, hub.address) as address:
        driver = open_page(address)
        press_fetch(driver)
        wait(driver, f"() => ({MESSAGE})().startsWith('{REFUSED}')")
        assert f"`hf download {NAME}`" in driver.run(MESSAGE)
        click_for_candidates(driver, 100)
        hub.breaks = False
        hub.may_send.set()
        press_fetch(driver)
        corner(driver, f"SAM, {NAME}")


def test_without_a_hub_the_page_says_what_to_do(
    photo: Path, open_page: Callable[..., PageDriver]
) -> None:
    with page_of(photo, AWAY) as address:
        driver = open_page(address)
        press_fetch(driver)
        wait(driver, f"() => ({MESSAGE})().startsWith('{REFUSED}')")
        assert "\n" not in driver.run(MESSAGE)
        corner(driver, "the embedded segmenter")
        click_for_candidates(driver, 100)
