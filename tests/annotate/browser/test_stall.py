"""A proposer that never answers: every click is saved, and closing asks where one is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.data.clicks import load_clicks
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from tests.annotate.conftest import PageDriver

NUM_IMAGES = 8


class StalledProposer:
    """Never ends a preparation while `may_go` is unset."""

    name = "stalled"
    settings: dict[str, Any] = {}  # noqa: RUF012  # as the protocol has it

    def __init__(self) -> None:
        self.may_go = threading.Event()

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        return self.propose_prepared(image, clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> np.ndarray:
        self.may_go.wait(120)
        return image

    def propose_prepared(
        self, prepared: np.ndarray, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        del prepared, clicks
        nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        return [Proposals((), *nothing, ()) for _ in indices]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(NUM_IMAGES):
        Image.new("RGB", (64, 48), (20 * number, 90, 90)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def address(
    images: Path, open_folder: Callable[..., Any], serving: Callable[..., Any]
) -> Iterator[str]:
    proposer = StalledProposer()
    with ThreadPoolExecutor(1) as executor:
        with serving(open_folder(images, PreviewWorker(proposer, executor))) as found:
            yield found
            proposer.may_go.set()


def test_a_stalled_proposer_never_blocks_saving(
    images: Path, address: str, open_page: Callable[..., PageDriver], window: dict[str, object]
) -> None:
    driver = open_page(address, **window)
    for number in range(NUM_IMAGES):
        driver.wait("(name) => sapnet.store.image.name === name", f"{number}.png")
        driver.page.wait_for_timeout(250)  # the image is to be prepared by now
        driver.click(20, 20)
        driver.saved()
        driver.press("ArrowRight")
    kept = load_clicks(images.parent / "clicks.json").clicks
    assert len(kept) == NUM_IMAGES


def test_closing_asks_while_a_save_is_not_answered(
    address: str, images: Path, open_page: Callable[..., PageDriver]
) -> None:
    driver = open_page(address)
    held: list[Any] = []
    driver.page.route("**/api/document*", lambda route: held.append(route))
    driver.click(20, 20)
    driver.wait("() => sapnet.saver.running.size === 1")
    asked: list[str] = []

    def refuse(dialog: Any) -> None:  # noqa: ANN401  # Playwright's
        asked.append(dialog.type)
        dialog.dismiss()

    driver.page.on("dialog", refuse)
    driver.page.close(run_before_unload=True)
    driver.wait("() => true")  # the tab is still there
    assert asked == ["beforeunload"]
    assert not (images.parent / "clicks.json").exists()
    held[0].continue_()
    driver.page.unroute("**/api/document*")
    driver.saved()
    assert len(load_clicks(images.parent / "clicks.json").clicks) == 1
    driver.page.close(run_before_unload=True)
    assert asked == ["beforeunload"]  # all is saved: it closes without a question
