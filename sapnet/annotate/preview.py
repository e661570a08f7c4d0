"""Candidate masks while somebody clicks: made in a process of their own, so that nobody waits.

One question is worked on at a time; of those that wait, only the newest of each tab is answered.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.annotate.reduced import load_reduced
from sapnet.data.images import load_image, upright_size
from sapnet.proposals.proposer import StagedProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals
from sapnet.system.parallel import run_in_worker, start_worker

PREVIEW_SIDE = 2048
"""Long side in pixels of the frame that candidates of larger images are drawn in: sharper than a
screen shows them whole, and proposers look at a smaller frame anyway."""

PREPARED_KEPT = 8
"""Images whose preparation is kept: the current one and its neighbours on both sides."""


@dataclass(frozen=True)
class PreviewTask:
    """A question for the worker.

    Attributes:
        path: the image file.
        clicks: all clicks of the image, original frame.
        index: of the click whose candidates are wanted; None prepares the image only.
    """

    path: Path
    clicks: tuple[Click, ...] = ()
    index: int | None = None


class PreviewStage:
    """The worker's side: keeps the last few images prepared.

    Args:
        proposer: whose candidates are shown.
    """

    def __init__(self, proposer: StagedProposer) -> None:
        self._proposer = proposer
        self._prepared: OrderedDict[Path, tuple[Any, tuple[int, int], tuple[int, int]]] = (
            OrderedDict()
        )

    def __call__(self, task: PreviewTask) -> Proposals | None:
        """The candidates, drawn in the reduced frame of the image; None if none were asked for."""
        prepared, original, reduced = self._prepare(task.path)
        if task.index is None:
            return None
        clicks = [_to_reduced(click, original, reduced) for click in task.clicks]
        return self._proposer.propose_prepared(prepared, clicks, [task.index])[0]

    def _prepare(self, path: Path) -> tuple[Any, tuple[int, int], tuple[int, int]]:
        """What the proposer keeps of an image, its original and its reduced (height, width)."""
        if path not in self._prepared:
            original = upright_size(path)
            reduced = _reduced_size(original)
            whole = original == reduced
            image = load_image(path) if whole else np.asarray(load_reduced(path, reduced))
            self._prepared[path] = (self._proposer.prepare(image), original, reduced)
            while len(self._prepared) > PREPARED_KEPT:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(path)
        return self._prepared[path]


class PreviewWorker:
    """The server's side: asks the worker, one question at a time.

    Args:
        proposer: whose candidates are shown; goes to another process, so it must survive pickling.
        executor: that runs a `PreviewStage` instead of a process of its own.
    """

    def __init__(self, proposer: StagedProposer, executor: Executor | None = None) -> None:
        self.name = proposer.name
        self._stage = PreviewStage(proposer)
        self._given = executor
        self._executor = executor
        self._busy = asyncio.Lock()
        self._newest: Counter[str] = Counter()

    async def prepare(self, client: str, path: Path) -> bool:
        """Prepares an image ahead of its first click.

        Returns:
            False if a newer question of the same tab came first.

        Raises:
            ValueError, OSError: the image cannot be read.
        """
        return (await self._ask(f"prepare {client}", PreviewTask(path)))[0]

    async def propose(
        self, client: str, path: Path, clicks: Sequence[Click], index: int
    ) -> Proposals | None:
        """Candidates of one object.

        Args:
            client: of the tab that asks.
            path: the image file.
            clicks: all clicks of the image, original frame.
            index: of the click.

        Returns:
            The candidates; None if a newer question of the same tab came first.

        Raises:
            ValueError, OSError: the image cannot be read, or the proposer refuses it.
        """
        return (await self._ask(f"propose {client}", PreviewTask(path, tuple(clicks), index)))[1]

    def close(self) -> None:
        """Ends the worker once the question it works on is answered."""
        if self._executor is not None and self._given is None:
            self._executor.shutdown(cancel_futures=True)

    async def _ask(self, key: str, task: PreviewTask) -> tuple[bool, Proposals | None]:
        self._newest[key] += 1
        mine = self._newest[key]
        async with self._busy:
            if self._newest[key] != mine:
                return False, None
            loop = asyncio.get_running_loop()
            if self._given is not None:
                return True, await loop.run_in_executor(self._given, self._stage, task)
            try:
                return True, await loop.run_in_executor(self._process(), run_in_worker, task)
            except BrokenProcessPool as error:
                self._executor = None  # the next question starts a new one
                raise OSError(
                    f"the process of the proposer {self.name!r} died, for want of memory perhaps. "
                    "Clicks are not affected; the next click tries again."
                ) from error

    def _process(self) -> Executor:
        if self._executor is None:
            # Spawned, not forked: a fork of a process in which torch runs threads can hang.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, context, start_worker, (self._stage,))
        return self._executor


def _reduced_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) with a long side of at most `PREVIEW_SIDE`."""
    factor = min(1.0, PREVIEW_SIDE / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _to_reduced(click: Click, original: tuple[int, int], reduced: tuple[int, int]) -> Click:
    """The click in the reduced frame; sizes are (height, width)."""
    if original == reduced:
        return click
    scale_y, scale_x = (r / o for r, o in zip(reduced, original, strict=True))

    def scaled(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
        return tuple((x * scale_x, y * scale_y) for x, y in points)

    box = click.box
    return replace(
        click,
        points=scaled(click.points),
        negative_points=scaled(click.negative_points),
        box=None
        if box is None
        else (box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y),
        mask=None,
    )
