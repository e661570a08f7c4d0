from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.preview.worker import PreviewWorker
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals
from tests.annotate.preview.point_proposer import PointProposer, clicks

if TYPE_CHECKING:
    from tests.conftest import TinySet


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), (9, 9, 9)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_of_waiting_questions_only_the_newest_is_answered(image: Path) -> None:
    proposer = PointProposer(seconds=0.1)
    points = [(float(n) + 0.5, 1.5) for n in range(5)]

    async def ask_all() -> list[Proposals | None]:
        with ThreadPoolExecutor(1) as executor:
            worker = PreviewWorker(proposer, executor)
            asked = [worker.propose("tab", image, clicks(point), 0) for point in points]
            other = worker.propose("another tab", image, clicks((30.5, 1.5)), 0)
            return await asyncio.gather(*asked, other)

    *answers, other = asyncio.run(ask_all())
    assert [answer is None for answer in answers] == [False, True, True, True, False]
    assert other is not None
    assert proposer.asked == [points[0], points[-1], (30.5, 1.5)]


def test_a_process_of_its_own_answers_and_its_errors_come_through(tiny_set: TinySet) -> None:
    path = sorted(tiny_set.images.iterdir())[0]

    async def ask() -> Proposals | None:
        worker = PreviewWorker(RegionProposer())
        try:
            found = await worker.propose("tab", path, clicks((20.5, 30.5)), 0)
            with pytest.raises(ValueError, match="lies outside the image"):
                await worker.propose("tab", path, clicks((2000.5, 30.5)), 0)
            with pytest.raises(FileNotFoundError, match="no such image"):
                await worker.prepare("tab", path.with_name("absent.png"))
            return found
        finally:
            worker.close()

    found = asyncio.run(ask())
    assert found is not None
    assert len(found) == 8


def test_another_proposer_answers_from_the_next_request_on(image: Path) -> None:
    first, second = PointProposer(), PointProposer()
    with ThreadPoolExecutor(1) as executor:
        worker = PreviewWorker(first, executor)

        async def ask() -> None:
            await worker.propose("tab", image, clicks((3.5, 4.5)), 0)

        asyncio.run(ask())
        worker.swap(second)
        asyncio.run(ask())
    assert (len(first.asked), len(second.asked)) == (1, 1)


def test_a_process_of_the_old_proposer_is_replaced(image: Path) -> None:
    worker = PreviewWorker(RegionProposer())

    async def ask() -> Executor | None:
        await worker.prepare("tab", image)
        return worker._executor

    async def both() -> tuple[Executor | None, ...]:
        before, same = await ask(), await ask()
        worker.swap(RegionProposer())
        return before, same, await ask()

    before, same, after = asyncio.run(both())
    worker.close()
    assert before is same
    assert after is not before


class ThreadProposer(PointProposer):
    """The score of its mask is the number of threads that its process was given."""

    def propose_prepared(
        self, prepared: tuple[int, ...], clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        threads = np.array([int(os.environ["OMP_NUM_THREADS"])], np.float32)
        found = super().propose_prepared(prepared, clicks, indices)
        return [replace(proposals, scores=threads) for proposals in found]


@pytest.mark.parametrize(("name", "threads"), [("click", 1), ("sam", 3)])
def test_small_proposers_have_one_thread(
    image: Path, monkeypatch: pytest.MonkeyPatch, name: str, threads: int
) -> None:
    # Threads that wait for each other on a busy machine cost ten times the work of one click.
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    proposer = ThreadProposer()
    proposer.name = name
    worker = PreviewWorker(proposer)
    try:
        found = asyncio.run(worker.propose("tab", image, clicks((3.5, 4.5)), 0))
    finally:
        worker.close()
    assert found is not None
    assert found.scores.tolist() == [threads]
    assert os.environ["OMP_NUM_THREADS"] == "3"
