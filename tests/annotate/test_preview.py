from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.preview import PreviewStage, PreviewTask, PreviewWorker
from sapnet.data.images import load_image
from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes
from sapnet.proposals.regions.proposer import RegionProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from tests.conftest import TinySet


class PointProposer:
    """One mask per click: its pixel. Counts its work, and can be slow."""

    name = "points"
    settings: dict[str, Any] = {}  # noqa: RUF012  # as the protocol has it

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.prepared: list[tuple[int, ...]] = []
        self.asked: list[tuple[float, float]] = []

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        return self.propose_prepared(self.prepare(image), clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> tuple[int, ...]:
        self.prepared.append(image.shape)
        return image.shape

    def propose_prepared(
        self, prepared: tuple[int, ...], clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        time.sleep(self.seconds)
        found = []
        for index in indices:
            x, y = clicks[index].point
            self.asked.append((x, y))
            mask = np.zeros((1, *prepared[:2]), np.uint8)
            mask[0, int(y), int(x)] = 1
            rles = encode_masks(mask)
            found.append(Proposals(rles, rle_boxes(rles), np.ones(1, np.float32), ("point",)))
        return found


def clicks(*points: tuple[float, float]) -> tuple[Click, ...]:
    return tuple(Click(n + 1, 1, 1, (point,)) for n, point in enumerate(points))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), (9, 9, 9)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_an_image_is_prepared_once(image: Path) -> None:
    proposer = PointProposer()
    stage = PreviewStage(proposer)
    assert stage(PreviewTask(image)) is None
    for point in ((3.5, 4.5), (5.5, 6.5)):
        found = stage(PreviewTask(image, clicks((1.5, 1.5), point), 1))
        assert found is not None
        mask = decode_masks(found.rles)[0]
        assert np.argwhere(mask).tolist() == [[int(point[1]), int(point[0])]]
    assert proposer.prepared == [(48, 64, 3)]


def test_large_images_are_worked_on_in_a_reduced_frame(tmp_path: Path) -> None:
    Image.new("RGB", (4096, 1024)).save(tmp_path / "large.png")
    proposer = PointProposer()
    found = PreviewStage(proposer)(PreviewTask(tmp_path / "large.png", clicks((4095, 1023)), 0))
    assert found is not None
    assert found.rles[0]["size"] == [512, 2048]
    assert proposer.asked == [(2047.5, 511.5)]


def test_the_region_proposer_gives_the_same_in_stages(tiny_set: TinySet) -> None:
    path = sorted(tiny_set.images.iterdir())[0]
    objects = clicks((20.5, 30.5), (60.5, 50.5), (80.5, 80.5))
    whole = RegionProposer().propose(load_image(path), objects)
    staged = PreviewStage(RegionProposer())(PreviewTask(path, objects, 2))
    assert staged is not None
    assert staged.rles == whole[2].rles
    np.testing.assert_array_equal(staged.scores, whole[2].scores)


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
