"""Candidate masks while the user clicks, computed in a separate process.

One request is processed at a time. Of the waiting requests, only the newest of each tab is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.annotate.reduced import load_reduced
from sapnet.data.image_files.header import upright_size
from sapnet.data.images import load_image
from sapnet.proposals.proposer import StagedProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals
from sapnet.system.processes.parallel import run_in_worker, single_threaded_children, start_worker
from sapnet.system.processes.workers import worker_context

logger = logging.getLogger(__name__)

PREVIEW_SIDE = 2048
"""Long side, in pixels, of the frame in which candidates of larger images are drawn. It is sharper
than a screen that shows the whole image, and proposers work in a smaller frame anyway."""

_SMALL_PROPOSERS = ("click", "regions")
"""Proposers whose work on one click is too little for several threads: on a busy machine, threads
that wait for each other take ten times as long as one."""

PREPARED_KEPT = 8
"""Number of prepared images that are kept: the current one and its neighbours on both sides."""


@dataclass(frozen=True)
class PreviewTask:
    """A request to the worker.

    Attributes:
        path: the image file.
        clicks: all clicks of the image, original frame.
        index: index of the click whose candidates are wanted; None only prepares the image.
    """

    path: Path
    clicks: tuple[Click, ...] = ()
    index: int | None = None


class PreviewStage:
    """The worker's side of a preview: proposes masks, and keeps the last few images prepared.

    Args:
        proposer: the proposer of the candidates.
        bits: bit depth of images of more than 8 bits.
    """

    def __init__(self, proposer: StagedProposer, bits: int | None = None) -> None:
        self._proposer = proposer
        self._bits = bits
        self._prepared: OrderedDict[Path, tuple[Any, tuple[int, int], tuple[int, int]]] = (
            OrderedDict()
        )

    def __call__(self, task: PreviewTask) -> Proposals | None:
        """Return the candidates, drawn in the reduced frame of the image; None without an index."""
        prepared, original, reduced = self._prepare(task.path)
        if task.index is None:
            return None
        clicks = [_to_reduced(click, original, reduced) for click in task.clicks]
        return self._proposer.propose_prepared(prepared, clicks, [task.index])[0]

    def _prepare(self, path: Path) -> tuple[Any, tuple[int, int], tuple[int, int]]:
        """Return the prepared image, its original and its reduced (height, width)."""
        if path not in self._prepared:
            original = upright_size(path)
            reduced = _reduced_size(original)
            whole = original == reduced
            image = (
                load_image(path, self._bits)
                if whole
                else np.asarray(load_reduced(path, reduced, self._bits))
            )
            self._prepared[path] = (self._proposer.prepare(image), original, reduced)
            while len(self._prepared) > PREPARED_KEPT:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(path)
        return self._prepared[path]


class PreviewWorker:
    """The server's side of a preview: sends the worker one request at a time.

    Args:
        proposer: the proposer of the candidates; it is sent to another process, so it must survive
            pickling.
        executor: runs the `PreviewStage`; None starts a separate process.
        bits: bit depth of images of more than 8 bits.
    """

    def __init__(
        self, proposer: StagedProposer, executor: Executor | None = None, bits: int | None = None
    ) -> None:
        self.name = proposer.name
        self._stage = PreviewStage(proposer, bits)
        self._bits = bits
        self._given = executor
        self._executor = executor
        self._is_outdated = False
        self._busy = asyncio.Lock()
        self._newest: Counter[str] = Counter()
        self._preparing: set[asyncio.Task[bool]] = set()

    async def prepare(self, client: str, path: Path) -> bool:
        """Prepare an image before its first click.

        Returns:
            False if a newer request of the same tab replaced this one.

        Raises:
            ValueError, OSError: the image cannot be read.
        """
        return (await self._ask(f"prepare {client}", PreviewTask(path)))[0]

    def begin_prepare(self, client: str, path: Path) -> None:
        """Prepare an image in the background; an image that cannot be read shows at the click."""
        task = asyncio.get_running_loop().create_task(self.prepare(client, path))
        self._preparing.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._end_prepare)

    def _end_prepare(self, task: asyncio.Task[bool]) -> None:
        self._preparing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.debug("an image was not prepared: %s", error)

    async def propose(
        self, client: str, path: Path, clicks: Sequence[Click], index: int
    ) -> Proposals | None:
        """Return the candidates of one object.

        Args:
            client: id of the tab that sends the request.
            path: the image file.
            clicks: all clicks of the image, original frame.
            index: index of the click.

        Returns:
            The candidates; None if a newer request of the same tab replaced this one.

        Raises:
            ValueError, OSError: the image cannot be read, or the proposer refuses it.
        """
        return (await self._ask(f"propose {client}", PreviewTask(path, tuple(clicks), index)))[1]

    def swap(self, proposer: StagedProposer) -> None:
        """Answer from the next request on with another proposer; may be called by any thread."""
        self.name = proposer.name
        self._stage = PreviewStage(proposer, self._bits)
        self._is_outdated = True

    def close(self) -> None:
        """End the worker after its current request."""
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
                self._executor = None  # the next request starts a new process
                raise OSError(
                    f"the process of the proposer {self.name!r} died, perhaps because memory ran "
                    "out. Clicks are not affected; the next click tries again."
                ) from error

    def _process(self) -> Executor:
        if self._is_outdated and self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None
        self._is_outdated = False
        if self._executor is None:
            # Spawned, not forked: a fork of a process in which torch runs threads can hang.
            context = worker_context("spawn")
            self._executor = ProcessPoolExecutor(1, context, start_worker, (self._stage,))
            is_small = self.name in _SMALL_PROPOSERS
            with single_threaded_children() if is_small else nullcontext():
                self._executor.submit(int)  # starts the process
        return self._executor


def _reduced_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return (height, width) with a long side of at most `PREVIEW_SIDE`."""
    factor = min(1.0, PREVIEW_SIDE / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _to_reduced(click: Click, original: tuple[int, int], reduced: tuple[int, int]) -> Click:
    """Return the click in the reduced frame; sizes are (height, width)."""
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
