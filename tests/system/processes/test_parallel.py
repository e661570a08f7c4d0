from __future__ import annotations

import math
import multiprocessing
import operator
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

import pytest

from sapnet.system.processes.parallel import map_ahead, map_in_order, num_cores


@pytest.mark.parametrize("num_items", [0, 1, 7])
def test_in_this_process(num_items: int) -> None:
    items = list(range(num_items))
    assert list(map_in_order(str, items, 1)) == [str(item) for item in items]


def test_order_and_errors_of_processes() -> None:
    """More items than are handed out ahead; the error of one comes at its turn."""
    results = map_in_order(partial(operator.floordiv, 100), [*range(1, 21), 0, 5], 2)
    assert [next(results) for _ in range(20)] == [100 // i for i in range(1, 21)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_what_is_in_progress_is_given_up() -> None:
    """After an error or an interrupt, the processes are not waited for."""
    results = map_in_order(time.sleep, [0, *[60] * 8], 2)
    assert next(results) is None
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 20
    assert not multiprocessing.active_children()


def test_no_more_processes_than_items() -> None:
    assert list(map_in_order(math.sqrt, [4.0], 8)) == [2.0]


def test_num_cores() -> None:
    assert num_cores() >= 1


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


@pytest.mark.parametrize("ahead", [0, 1, 5, 100])
def test_results_keep_the_order(pool: ThreadPoolExecutor, ahead: int) -> None:
    assert list(map_ahead(pool, lambda x: x * x, range(20), ahead)) == [x * x for x in range(20)]


def test_nothing_in_nothing_out(pool: ThreadPoolExecutor) -> None:
    assert list(map_ahead(pool, str, [], 2)) == []


def test_only_so_many_items_are_taken(pool: ThreadPoolExecutor) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = map_ahead(pool, str, items(), ahead=4)
    assert next(results) == "0"
    assert taken == list(range(5))


def test_the_next_item_is_under_way_while_one_is_used(pool: ThreadPoolExecutor) -> None:
    second_started = Event()

    def work(item: int) -> int:
        if item == 1:
            second_started.set()
        return item

    results = map_ahead(pool, work, range(3), ahead=1)
    assert next(results) == 0
    assert second_started.wait(timeout=10)
    assert list(results) == [1, 2]


def test_errors_arrive_at_their_place(pool: ThreadPoolExecutor) -> None:
    results = map_ahead(pool, lambda x: 1 / x, [1, 2, 0, 4], ahead=3)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)
