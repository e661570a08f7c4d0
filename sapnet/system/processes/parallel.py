"""Parallel work in threads and processes, with results in the order of the items."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from sapnet.system.processes.interrupts import postponed_interrupts
from sapnet.system.processes.workers import worker_context

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD_PER_WORKER = 4
"""Items submitted per worker beyond the one awaited: enough to keep the workers busy, and a
bound on the results held in memory."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_work: Callable[[Any], Any] | None = None
"""The function of this worker process; set once when the process starts."""


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Yield results in the order of the items, computed by a pool ahead of their use.

    Unlike `Executor.map`, this takes a limited number of items in advance. Neither the items nor
    their results pile up in memory.

    Args:
        pool: executor that runs the function.
        function: called once per item; its exceptions are raised here, at their item's turn.
        items: may be infinite.
        ahead: number of items, 0 or more, that may be in progress or finished beyond the one
            whose result is awaited.
    """
    pending: deque[Future[Result]] = deque()
    for item in items:
        # It may start a process, which nobody would end if an interrupt came half-way.
        with postponed_interrupts():
            pending.append(pool.submit(function, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[Result]:
    """Yield the result of a function for each item, in the order of the items.

    Args:
        function: called once per item; must survive pickling if there are several workers. It is
            sent to each worker once.
        items: the work.
        workers: number of processes, each with one thread; 1 calls the function in this process.

    Yields:
        Each result as soon as it and all earlier ones are ready.

    Raises:
        BrokenProcessPool: a worker died, for example because memory ran out.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    # Spawned, not forked: a fork of a process in which torch runs threads can hang.
    context = worker_context("spawn")
    with (
        single_threaded_children(),
        ProcessPoolExecutor(workers, context, start_worker, (function,)) as executor,
    ):
        try:
            yield from map_ahead(executor, run_in_worker, items, workers * _AHEAD_PER_WORKER)
        except BaseException:  # an error or an interrupt: nobody waits for what is in progress
            for process in list((executor._processes or {}).values()):
                process.kill()
            raise
        finally:
            executor.shutdown(cancel_futures=True)


def start_worker(function: Callable[[Any], Any]) -> None:
    """Make this process a worker that calls the function."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems that cannot block it
    _work = function


def run_in_worker(item: Any) -> Any:  # noqa: ANN401  # whatever the function takes and gives
    """Return the result of the worker's function for an item; for use with `submit`.

    Raises:
        RuntimeError: the process was not started with `start_worker`.
    """
    if _work is None:
        raise RuntimeError("this process was not started as a worker")
    return _work(item)


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Set the thread variables of numeric libraries to 1 for processes started in the context."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
