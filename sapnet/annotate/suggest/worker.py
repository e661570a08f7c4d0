"""A process that does one thing at a time and can be ended at any moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from sapnet.system.processes.parallel import run_in_worker, start_worker


class EndableWorker:
    """A function in a process of its own, which `close` ends in the middle of its work.

    Args:
        function: called in the process; must survive pickling.
        what: what it does, for messages.
    """

    def __init__(self, function: Callable[[Any], Any], what: str = "the segmenter") -> None:
        self._function, self._what = function, what
        self._process: Any = None
        self._ours: Connection | None = None
        self._is_closed = False

    def __call__(self, item: object, /) -> Any:  # noqa: ANN401  # whatever the function gives
        """Return the function's result for an item.

        Raises:
            ValueError: the function raised an error, whose message it has.
            ConnectionError: the process died, or was ended.
        """
        ours = self._connection()
        try:
            ours.send(item)
            is_good, found = ours.recv()
        except (EOFError, OSError) as error:
            self._process = self._ours = None  # the next item starts a new process
            raise ConnectionError(f"the process of {self._what} died") from error
        if not is_good:
            raise ValueError(found)
        return found

    def close(self) -> None:
        """End the process at once."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.terminate()
            process.join()

    def _connection(self) -> Connection:
        if self._is_closed:
            raise ConnectionError(f"the process of {self._what} was ended")
        if self._ours is None:
            # Spawned, not forked: a fork of a process in which torch runs threads can hang.
            context = multiprocessing.get_context("spawn")
            self._ours, theirs = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(theirs, self._function), daemon=True
            )
            self._process.start()
            theirs.close()  # so that the death of the process shows
        return self._ours


def _serve(connection: Connection, function: Callable[[Any], Any]) -> None:
    start_worker(function)
    with suppress(EOFError):
        while True:
            item = connection.recv()
            try:
                answer: tuple[bool, Any] = True, run_in_worker(item)
            except Exception as error:  # told to the page, which goes on without suggestions
                answer = False, str(error) or type(error).__name__
            connection.send(answer)
