"""One of several jobs that propose for a data set together, each for its own images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

SHARD_IMAGES = 100
"""Images per shard; a kill loses at most the shard in flight."""

SHARD_RANGE = 1_000_000
"""Shard numbers that each part has for itself; the first part's are those of an undivided run."""


@dataclass(frozen=True)
class Part:
    """Part `index` of `count`; the whole is part 0 of 1.

    Attributes:
        index: 0 is the first.
        count: of the parts.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.index < self.count:
            raise ValueError(
                f"shard: expected i/n with i from 0 to n - 1, found {self.index}/{self.count}"
            )

    @property
    def shard_numbers(self) -> range:
        """Numbers of the shards that this part writes."""
        return range(self.index * SHARD_RANGE, (self.index + 1) * SHARD_RANGE)

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """This part's share, a run of neighbours: all parts in order are the whole in order."""
        bounds = (len(items) * number // self.count for number in (self.index, self.index + 1))
        return items[slice(*bounds)]


def parse_part(text: str) -> Part:
    """The part that `--shard i/n` names.

    Raises:
        ValueError: the text is no such thing.
    """
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if match is None:
        raise ValueError(f"shard: expected i/n such as 0/16, found {text!r}")
    return Part(int(match[1]), int(match[2]))
