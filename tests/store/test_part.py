from __future__ import annotations

import pytest

from sapnet.store.part import Part, parse_part


@pytest.mark.parametrize("num_items", [0, 1, 7, 100])
@pytest.mark.parametrize("count", [1, 3, 16])
def test_parts_in_order_are_the_whole(num_items: int, count: int) -> None:
    items = list(range(num_items))
    shares = [Part(index, count).of(items) for index in range(count)]
    assert [item for share in shares for item in share] == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_each_part_has_shard_numbers_of_its_own() -> None:
    assert Part().shard_numbers.start == 0
    first, second = Part(0, 2).shard_numbers, Part(1, 2).shard_numbers
    assert first.stop == second.start


def test_spelling() -> None:
    assert parse_part("3/16") == Part(3, 16)
    for wrong in ("3", "a/b", "-1/4", "1/2/3"):
        with pytest.raises(ValueError, match="expected i/n such as 0/16"):
            parse_part(wrong)
    for outside in ("4/4", "0/0"):
        with pytest.raises(ValueError, match="with i from 0 to n - 1, found"):
            parse_part(outside)
