"""Figures of an audit: by hand, and a simulation of whole audits whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sapnet.evaluation.audit.audit_file import Audit, SampledLabel, doubt_ranks
from sapnet.evaluation.audit.figures import audit_figures
from sapnet.evaluation.audit.sample import Stratum, draw_sample

CAT, DOG = Stratum(1, "small"), Stratum(2, "large")


def sampled(key: int, stratum: Stratum, judgement: str | None, rank: float = 0.5) -> SampledLabel:
    return SampledLabel(key, stratum, 1 - rank, rank, "0", judgement)  # type: ignore[arg-type]


def make_audit(*entries: SampledLabel, totals: dict[Stratum, int]) -> Audit:
    return Audit("labels.json", 0, {1: "cat", 2: "dog"}, totals, entries)


def test_figures_by_hand() -> None:
    audit = make_audit(
        sampled(1, CAT, "keep", 0.9),
        sampled(2, CAT, "keep", 0.8),
        sampled(3, CAT, "fix", 0.1),
        sampled(4, CAT, "keep", 0.7),
        sampled(5, DOG, "wrong", 0.05),
        sampled(6, DOG, "keep", 0.6),
        sampled(7, DOG, None),
        totals={CAT: 80, DOG: 20},
    )
    found = audit_figures(audit)
    assert found.right is not None
    assert found.wrong is not None
    assert found.right.value == pytest.approx(0.8 * 0.75 + 0.2 * 0.5)
    assert found.wrong.value == pytest.approx(0.2 * 0.5)
    assert (found.num_judged, found.num_sampled, found.num_labels) == (6, 7, 100)
    assert found.by_category["cat"].value == 0.75  # type: ignore[union-attr]
    assert found.by_size["large"].value == 0.5  # type: ignore[union-attr]
    assert set(found.by_size) == {"small", "large"}
    # Each judged cat stands for 20 labels, each dog for 10: the faults weigh 20 and 10.
    assert found.held[0.1].value == pytest.approx(1)
    assert found.headline().startswith("70.0% of 100 labels are right (95 % interval ")
    lowest, highest = found.bins[0], found.bins[-1]
    assert lowest.uncertainty < highest.uncertainty
    assert (lowest.faulty.value, highest.faulty.value) == (0, 1)


def test_nothing_is_open_of_a_set_that_was_judged_to_the_last_label() -> None:
    audit = make_audit(
        sampled(1, CAT, "keep", 0.9),
        sampled(2, CAT, "fix", 0.05),
        sampled(3, DOG, "wrong", 0.6),
        totals={CAT: 2, DOG: 1},
    )
    found = audit_figures(audit)
    assert found.right is not None
    assert (found.right.low, found.right.high) == (1 / 3, 1 / 3)
    assert (found.held[0.1].low, found.held[0.1].high) == (0.5, 0.5)
    open_audit = replace(audit, totals={CAT: 3, DOG: 1})
    assert audit_figures(open_audit).held[0.1].low < audit_figures(open_audit).held[0.1].high


def test_too_few_judgements_give_no_figure() -> None:
    audit = make_audit(sampled(1, CAT, "keep"), sampled(2, DOG, None), totals={CAT: 9, DOG: 9})
    found = audit_figures(audit)
    assert found.right is None
    assert found.by_category["dog"] is None
    assert found.by_category["cat"] is not None
    assert found.still_to_judge is None
    assert "1 of 2 labels judged, too few" in found.headline()
    assert found.held == {}


def test_without_uncertainty_there_is_no_calibration() -> None:
    entry = replace(sampled(1, CAT, "wrong"), uncertainty=None, doubt_rank=None)
    found = audit_figures(make_audit(entry, totals={CAT: 5}))
    assert (found.held, found.bins) == ({}, ())


def test_ranks_share_ties() -> None:
    assert doubt_ranks([0.9, 0.5, 0.5, 0.1]) == [0.125, 0.5, 0.5, 0.875]
    assert doubt_ranks([0.9, None]) == [None, None]


class Population:
    """Labels with a known truth: a third is wrong, most of it where the labels are uncertain."""

    def __init__(self, num: int, seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.strata = [
            Stratum(int(c), ("small", "medium", "large")[int(s)])  # type: ignore[arg-type]
            for c, s in zip(
                generator.choice(3, num, p=[0.6, 0.3, 0.1]), generator.choice(3, num), strict=True
            )
        ]
        self.uncertainty = generator.uniform(0, 1, num)
        hard = np.array([s.category_id for s in self.strata]) * 0.1
        self.is_right = generator.uniform(0, 1, num) > np.clip(
            self.uncertainty**2 * 0.7 + hard, 0, 1
        )
        self.ranks = doubt_ranks([float(value) for value in self.uncertainty])
        self.totals = {s: self.strata.count(s) for s in sorted(set(self.strata))}

    def audit(self, num: int, seed: int) -> Audit:
        entries = tuple(
            sampled(place, self.strata[place], "keep" if self.is_right[place] else "wrong")
            for place in draw_sample(self.strata, num, seed)
        )
        entries = tuple(
            replace(e, doubt_rank=self.ranks[e.annotation_id], uncertainty=0.5) for e in entries
        )
        return Audit("labels.json", seed, {0: "a", 1: "b", 2: "c"}, self.totals, entries)


def simulate(num_audits: int) -> dict[str, float]:
    """The share of audits whose intervals hold the truth, by what is estimated."""
    people = Population(3000, seed=1)
    truth = people.is_right.mean()
    of_class = {
        name: people.is_right[[s.category_id == key for s in people.strata]].mean()
        for key, name in enumerate("abc")
    }
    faulty = ~people.is_right
    doubtful = np.array([rank is not None and rank <= 0.3 for rank in people.ranks])
    truly_held = (faulty & doubtful).sum() / faulty.sum()
    held = dict.fromkeys(("right", "a", "b", "c", "most doubtful"), 0)
    for seed in range(num_audits):
        found = audit_figures(people.audit(200, seed))
        estimates = {"right": (found.right, truth), "most doubtful": (found.held[0.3], truly_held)}
        estimates |= {name: (found.by_category[name], of_class[name]) for name in "abc"}
        for name, (entry, true) in estimates.items():
            assert entry is not None
            held[name] += entry.low <= true <= entry.high
    return {name: count / num_audits for name, count in held.items()}


def test_intervals_hold_the_truth_fast_form() -> None:
    found = simulate(150)
    assert 0.90 <= found["right"] <= 0.99, found


@pytest.mark.slow
def test_intervals_hold_the_truth_in_93_to_97_percent_of_1000_audits() -> None:
    found = simulate(1000)
    assert 0.93 <= found["right"] <= 0.97, found
    # Within a category there are fewer draws, and the faults' weights differ: the band is wider.
    assert all(0.92 <= share <= 0.98 for share in found.values()), found
