"""Work spread over processes, with the results in the order of the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD_PER_WORKER = 4
"""Items handed out beyond the one waited for: keeps workers busy, bounds results held."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_work: Callable[[Any], Any] | None = None
"""What this worker process does; set once when it starts."""


def num_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[Result]:
    """Results of a function for each item, in the items' order.

    Args:
        function: called once per item; must survive pickling if there are workers. It is sent to
            each worker once.
        items: the work.
        workers: processes, each with one thread; 1 calls the function in this process.

    Yields:
        The results, as soon as all before them are there.

    Raises:
        BrokenProcessPool: a worker died, for want of memory for instance.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    # Spawned, not forked: a fork of a process in which torch runs threads can hang.
    context = multiprocessing.get_context("spawn")
    with (
        _single_threaded_children(),
        ProcessPoolExecutor(workers, context, start_worker, (function,)) as executor,
    ):
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(run_in_worker, item))
                if len(waiting) > workers * _AHEAD_PER_WORKER:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def start_worker(function: Callable[[Any], Any]) -> None:
    """Makes this process a worker: it calls the function, and ends with its parent."""
    global _work
    # Ctrl-C is the parent's to handle; and a parent that was killed cannot end its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _work = function


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def run_in_worker(item: Any) -> Any:  # noqa: ANN401  # whatever the function takes and gives
    """What the worker's function gives for an item; for `submit`.

    Raises:
        RuntimeError: the process was not started with `start_worker`.
    """
    if _work is None:
        raise RuntimeError("this process was not started as a worker")
    return _work(item)


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Processes started meanwhile find one thread in the variables numeric libraries read."""
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
