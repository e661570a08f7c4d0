"""The sample: shares of the strata, repeatable, and every first part of it balanced."""

from __future__ import annotations

from collections import Counter

import pytest

from sapnet.evaluation.audit.sample import Stratum, draw_sample, share_out, size_of

STRATA = [Stratum(1, "small")] * 100 + [Stratum(1, "large")] * 30 + [Stratum(2, "medium")] * 8


def test_sizes_are_those_of_coco() -> None:
    assert [size_of(area) for area in (1023, 1024, 9215, 9216)] == [
        "small",
        "medium",
        "medium",
        "large",
    ]


def test_draws_are_shared_out_in_proportion_with_a_least_number() -> None:
    assert share_out([800, 200], 100) == [80, 20]
    assert share_out([990, 10], 100) == [95, 5]
    assert share_out([990, 3], 100) == [97, 3]
    assert share_out([10, 10, 10], 6) == [2, 2, 2]
    assert share_out([5, 5], 99) == [5, 5]


def test_the_first_labels_are_one_of_each_stratum() -> None:
    drawn = draw_sample(STRATA, 40, seed=3)
    assert len(drawn) == len(set(drawn)) == 40
    assert {STRATA[place] for place in drawn[:3]} == set(STRATA)
    assert Counter(STRATA[place] for place in drawn) == dict(
        zip(
            [Stratum(1, "small"), Stratum(1, "large"), Stratum(2, "medium")],
            share_out([100, 30, 8], 40),
            strict=True,
        )
    )


def test_a_seed_repeats_the_sample_and_another_does_not() -> None:
    assert draw_sample(STRATA, 40, seed=3) == draw_sample(STRATA, 40, seed=3)
    assert draw_sample(STRATA, 40, seed=3) != draw_sample(STRATA, 40, seed=4)


def test_a_larger_sample_keeps_the_smaller_one() -> None:
    first = draw_sample(STRATA, 30, seed=3)
    second = draw_sample(STRATA, 60, seed=3, drawn=first)
    assert second[:30] == first
    assert len(set(second)) == 60


def test_every_member_is_drawn_alike_often() -> None:
    counts = Counter(place for seed in range(400) for place in draw_sample(STRATA, 40, seed))
    small = [counts[place] / 400 for place in range(100)]
    share = share_out([30, 100, 8], 40)[1] / 100
    assert sum(small) / 100 == pytest.approx(share, abs=1e-9)
    assert max(small) - min(small) < 0.2  # 4 standard deviations of 0.023 on both sides


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected at least 3.*found 2"):
        draw_sample(STRATA, 2, seed=0)
