"""Working ahead: reading and writing in threads, while the network is busy with other images."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results in the order of the items, computed by a pool before they are asked for.

    Unlike `Executor.map`, this takes only so many items in advance: neither these nor their
    results pile up in memory.

    Args:
        pool: where the function runs.
        function: called once per item; what it raises is raised here.
        items: may be without end.
        ahead: items that may be under way or done beyond the one that is asked for, 0 or more.
    """
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(pool.submit(function, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
