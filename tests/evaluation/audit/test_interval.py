"""Intervals: hand-made values, and the share of audits whose interval holds the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from sapnet.evaluation.audit.interval import Counts, estimate, still_to_judge, wilson
from sapnet.evaluation.audit.sample import share_out


def test_wilson_by_hand() -> None:
    # Wilson (1927) for 8 of 10: (0.8 + z^2/20 -+ z sqrt(0.016 + z^2/400)) / (1 + z^2/10), z = 1.96
    low, high = wilson(0.8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(1.0, 10)[0] == pytest.approx(0.7225, abs=1e-4)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    assert wilson(0.3, math.inf) == (0.3, 0.3)


def test_strata_count_by_their_sizes() -> None:
    found = estimate([Counts(900, 10, 9), Counts(100, 10, 4)])
    assert found is not None
    assert found.value == pytest.approx(0.9 * 0.9 + 0.1 * 0.4)
    assert (found.judged, found.total) == (20, 1000)
    assert found.low < found.value < found.high


def test_a_census_leaves_no_doubt() -> None:
    found = estimate([Counts(30, 30, 24), Counts(10, 10, 10)])
    assert found is not None
    assert (found.low, found.value, found.high) == (0.85, 0.85, 0.85)


def test_hits_alone_do_not_prove_a_share_of_one() -> None:
    found = estimate([Counts(1000, 20, 20), Counts(500, 20, 20)])
    assert found is not None
    assert found.value == found.high == 1
    assert 0.85 < found.low < 0.95


def test_a_stratum_without_judgement_leaves_no_figure() -> None:
    assert estimate([Counts(10, 2, 1), Counts(5, 0, 0)]) is None
    assert estimate([]) is None
    assert still_to_judge([Counts(5, 0, 0)], 0.05) is None


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="hits <= judged"):
        Counts(10, 3, 4)


def test_the_missing_judgements_bring_the_wanted_width() -> None:
    strata = [Counts(2000, 40, 34), Counts(1000, 20, 12)]
    more = still_to_judge(strata, 0.05)
    assert more is not None
    assert more > 0
    factor = (60 + more) / 60
    then = estimate(
        [Counts(s.total, round(s.judged * factor), round(s.hits * factor)) for s in strata]
    )
    assert then is not None
    assert then.half_width == pytest.approx(0.05, abs=0.002)
    assert still_to_judge(strata, 0.5) == 0
    # Nothing is open once everything is judged; the last one or two follow from rounding up.
    assert 3000 - 60 - 2 <= still_to_judge(strata, 1e-6) <= 3000 - 60


def coverage(totals: Sequence[int], shares: Sequence[float], num: int, num_audits: int) -> float:
    """The share of simulated audits whose interval holds the true share."""
    generator = np.random.default_rng(0)
    sizes = np.array(totals)
    right = np.round(sizes * np.array(shares)).astype(int)
    draws = share_out(totals, num)
    truth = right.sum() / sizes.sum()
    held = 0
    for _ in range(num_audits):
        hits = generator.hypergeometric(right, sizes - right, draws)
        found = estimate([Counts(*map(int, row)) for row in zip(sizes, draws, hits, strict=True)])
        assert found is not None
        held += found.low <= truth <= found.high
    return held / num_audits


def test_the_interval_holds_the_truth_in_95_of_100_audits() -> None:
    found = coverage([900, 600, 300, 120, 60, 20], [0.95, 0.9, 0.8, 0.7, 0.6, 0.5], 200, 1000)
    assert 0.93 <= found <= 0.97, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("totals", "shares", "num"),
    [
        ([900, 600, 300], [0.9, 0.9, 0.9], 150),
        ([400, 300, 100, 50], [0.98, 0.97, 0.95, 0.9], 200),
        ([2000, 1000, 500, 30], [0.85, 0.6, 0.4, 0.2], 100),
        ([60, 50, 20], [0.8, 0.7, 0.5], 60),
        ([3000], [0.95], 100),
        ([1000, 500, 200, 50, 20], [0.99, 0.98, 0.97, 0.9, 0.9], 200),
    ],
)
def test_the_interval_holds_whatever_the_strata(
    totals: list[int], shares: list[float], num: int
) -> None:
    found = coverage(totals, shares, num, 4000)
    assert 0.93 <= found <= 0.97, found


@pytest.mark.parametrize(
    ("strata", "half_width"),
    [
        ([Counts(50, 1, i % 2) for i in range(200)], 0.04),
        ([Counts(40, 3, i % 4) for i in range(60)], 0.05),
        ([Counts(100, 5, i % 6) for i in range(30)], 0.04),
    ],
)
def test_the_missing_judgements_of_many_strata(strata: list[Counts], half_width: float) -> None:
    """Each stratum gets whole judgements: all of them count, not their share alone."""
    more = still_to_judge(strata, half_width)
    assert more is not None
    judged, hits = strata[0].judged, sum(s.hits for s in strata)
    each = judged + more // len(strata)
    assert more == (each - judged) * len(strata)
    share = hits / (judged * len(strata))
    grown = [Counts(s.total, each, round(s.hits / s.judged * each)) for s in strata]
    then = estimate(grown)
    assert then is not None
    assert share == pytest.approx(then.value, abs=0.05)
    assert then.half_width <= half_width
