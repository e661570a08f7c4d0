from __future__ import annotations

import math
import operator
from functools import partial

import pytest

from sapnet.system.parallel import map_in_order, num_cores


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


def test_no_more_processes_than_items() -> None:
    assert list(map_in_order(math.sqrt, [4.0], 8)) == [2.0]


def test_num_cores() -> None:
    assert num_cores() >= 1
