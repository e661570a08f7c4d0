"""The sample of an audit: labels drawn at random by category and size."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from sapnet.evaluation.mean_iou import LARGE_AREA, SMALL_AREA

Size: TypeAlias = Literal["small", "medium", "large"]
"""COCO's sizes, by the area of the label."""

SIZES: tuple[Size, ...] = get_args(Size)

LEAST_DRAWS = 5
"""Labels drawn from each stratum, where there are so many and the sample is large enough."""


@dataclass(frozen=True, order=True)
class Stratum:
    """Labels of one category and size."""

    category_id: int
    size: Size


def size_of(area: float) -> Size:
    """Return the size of an area in pixels."""
    return "small" if area < SMALL_AREA else "medium" if area < LARGE_AREA else "large"


def share_out(totals: Sequence[int], count: int) -> list[int]:
    """Share a number of draws out to strata: in proportion, with a least number for each.

    Args:
        totals: members of each stratum.
        count: draws, at most as many as there are members.

    Returns:
        Draws of each stratum, `count` together.
    """
    sizes = np.asarray(totals, np.int64)
    count = min(count, int(sizes.sum()))
    draws = np.minimum(sizes, LEAST_DRAWS)
    if draws.sum() > count:
        draws = np.minimum(sizes, count // max(len(sizes), 1))
    wanted = sizes / max(sizes.sum(), 1) * count
    for _ in range(count - int(draws.sum())):
        draws[np.argmax(np.where(draws < sizes, wanted - draws, -np.inf))] += 1
    return [int(number) for number in draws]


def draw_sample(
    strata: Sequence[Stratum], count: int, seed: int, drawn: Sequence[int] = ()
) -> list[int]:
    """Draw labels of every stratum at random.

    Every first part of the sample that holds one label of each stratum is a stratified random
    sample itself: the judging may stop at any place after that.

    Args:
        strata: stratum of each label.
        count: size of the sample.
        seed: of the random order within the strata.
        drawn: an earlier, smaller sample of the same labels and seed, which is kept.

    Returns:
        Positions of the drawn labels, those of `drawn` first.

    Raises:
        ValueError: there are fewer draws than strata.
    """
    members: dict[Stratum, list[int]] = defaultdict(list)
    for position, stratum in enumerate(strata):
        members[stratum].append(position)
    names = sorted(members)
    if count < len(names):
        raise ValueError(
            f"num: expected at least {len(names)}, one for each category and size with labels, "
            f"found {count}"
        )
    generator = np.random.default_rng(seed)
    orders = {name: generator.permutation(members[name]) for name in names}
    before = Counter(strata[position] for position in drawn)
    shares = share_out([len(members[name]) for name in names], count)
    rank = dict[int, float]()
    for name, share in zip(names, shares, strict=True):
        for place, position in enumerate(orders[name][: max(share, before[name])]):
            # The first of every stratum come first, then all strata evenly.
            rank[int(position)] = place / max(share, 1)
    known = set(drawn)
    further = [position for position in rank if position not in known]
    mixed = generator.permutation(len(further))
    return [*drawn, *sorted((further[i] for i in mixed), key=lambda position: rank[position])]
