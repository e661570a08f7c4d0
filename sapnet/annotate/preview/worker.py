"""The server's side of a preview: candidate masks from a separate process.

One request is processed at a time. Of the waiting requests, only the newest of each tab is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path

from sapnet.annotate.preview.stage import PreviewStage, PreviewTask
from sapnet.annotate.preview.views import Windowing
from sapnet.proposals.proposer import StagedProposer
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals
from sapnet.system.processes.parallel import run_in_worker, single_threaded_children, start_worker
from sapnet.system.processes.workers import worker_context

logger = logging.getLogger(__name__)

_SMALL_PROPOSERS = ("click", "regions")
"""Proposers whose work on one click is too little for several threads: on a busy machine, threads
that wait for each other take ten times as long as one."""


class PreviewWorker:
    """The server's side of a preview: sends the worker one request at a time.

    Args:
        proposer: the proposer of the candidates; it is sent to another process, so it must survive
            pickling.
        executor: runs the `PreviewStage`; None starts a separate process.
        bits: bit depth of images of more than 8 bits.
        windowing: windows that images are looked at in; None for whole images.
    """

    def __init__(
        self,
        proposer: StagedProposer,
        executor: Executor | None = None,
        bits: int | None = None,
        windowing: Windowing | None = None,
    ) -> None:
        self.name = proposer.name
        self.windowing = windowing or Windowing()
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
        task = PreviewTask(path, windows=self.windowing.now())
        return (await self._ask(f"prepare {client}", task))[0]

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
        task = PreviewTask(path, tuple(clicks), index, self.windowing.now())
        return (await self._ask(f"propose {client}", task))[1]

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
