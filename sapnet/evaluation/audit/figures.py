"""The figures of an audit: accuracy with its interval, and what the uncertainty is worth."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sapnet.evaluation.audit.audit_file import Audit, SampledLabel
from sapnet.evaluation.audit.interval import Counts, Estimate, estimate, still_to_judge, wilson
from sapnet.evaluation.audit.sample import SIZES, Stratum

REVIEWED_SHARES = (0.1, 0.2, 0.3, 0.5)
"""Shares of the most doubtful labels for which the held faults are given."""

NUM_BINS = 5
"""Equal parts of the labels, by uncertainty, whose faults are given."""


@dataclass(frozen=True)
class DoubtBin:
    """An equal part of the labels, by uncertainty.

    Attributes:
        uncertainty: their mean uncertainty, of the judged ones.
        faulty: share of them that is not right.
    """

    uncertainty: float
    faulty: Estimate


@dataclass(frozen=True)
class AuditFigures:
    """The figures of an audit; None as long as there are too few judgements.

    Attributes:
        num_judged: judgements so far.
        num_sampled: labels of the sample.
        num_labels: all labels.
        right: share of labels that are right as they are.
        wrong: share of labels of another object or of none.
        by_category: `right` by the name of a category.
        by_size: `right` by size.
        still_to_judge: judgements that are missing for the wanted width.
        half_width: the wanted half width.
        held: share of all faults among the most doubtful labels, by the share of these.
        bins: parts of the labels, the most certain first; empty without uncertainty.
    """

    num_judged: int
    num_sampled: int
    num_labels: int
    right: Estimate | None
    wrong: Estimate | None
    by_category: Mapping[str, Estimate | None]
    by_size: Mapping[str, Estimate | None]
    still_to_judge: int | None
    half_width: float
    held: Mapping[float, Estimate]
    bins: tuple[DoubtBin, ...]

    def headline(self) -> str:
        """Return the most important figures as one sentence."""
        if self.right is None:
            return f"{self.num_judged} of {self.num_sampled} labels judged, too few for a figure"
        return (
            f"{self.right.value:.1%} of {self.num_labels} labels are right (95 % interval "
            f"{self.right.low:.1%} to {self.right.high:.1%}, {self.num_judged} judged)"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures as json values."""
        return {**asdict(self), "held": {f"{k:g}": asdict(v) for k, v in self.held.items()}}


def audit_figures(audit: Audit, half_width: float = 0.03) -> AuditFigures:
    """Compute the figures of an audit.

    Args:
        audit: the sample with the judgements so far.
        half_width: wanted half width of the interval of the share of right labels, in (0, 1).
    """
    right = _counts(audit, lambda entry: entry.judgement == "keep")
    wrong = _counts(audit, lambda entry: entry.judgement == "wrong")
    return AuditFigures(
        num_judged=audit.num_judged,
        num_sampled=len(audit.sample),
        num_labels=sum(audit.totals.values()),
        right=estimate(list(right.values())),
        wrong=estimate(list(wrong.values())),
        by_category={
            name: estimate([c for s, c in right.items() if s.category_id == key])
            for key, name in audit.categories.items()
            if any(stratum.category_id == key for stratum in right)
        },
        by_size={
            size: estimate([c for s, c in right.items() if s.size == size])
            for size in SIZES
            if any(stratum.size == size for stratum in right)
        },
        still_to_judge=still_to_judge(list(right.values()), half_width),
        half_width=half_width,
        held=_held(audit),
        bins=_bins(audit),
    )


def _counts(audit: Audit, is_hit: Callable[[SampledLabel], bool]) -> dict[Stratum, Counts]:
    judged = Counter[Stratum]()
    hits = Counter[Stratum]()
    for entry in audit.sample:
        if entry.judgement is not None:
            judged[entry.stratum] += 1
            hits[entry.stratum] += is_hit(entry)
    return {s: Counts(total, judged[s], hits[s]) for s, total in audit.totals.items()}


@dataclass(frozen=True)
class _Weighed:
    """A judged label with a doubt rank; `weight` is the number of labels that it stands for."""

    rank: float
    uncertainty: float
    weight: float
    is_faulty: bool


def _weighed(audit: Audit) -> list[_Weighed]:
    judged = Counter(e.stratum for e in audit.sample if e.judgement is not None)
    return [
        _Weighed(
            entry.doubt_rank,
            entry.uncertainty,
            audit.totals[entry.stratum] / judged[entry.stratum],
            entry.judgement != "keep",
        )
        for entry in audit.sample
        if entry.judgement is not None
        and entry.doubt_rank is not None
        and entry.uncertainty is not None
    ]


def _held(audit: Audit) -> dict[float, Estimate]:
    """Return the share of the faults among the most doubtful labels; empty without a fault."""
    faults = [entry for entry in _weighed(audit) if entry.is_faulty]
    if not faults:
        return {}
    return {
        share: _weighted_share(faults, lambda entry, share=share: entry.rank <= share)  # type: ignore[misc]
        for share in REVIEWED_SHARES
    }


def _bins(audit: Audit) -> tuple[DoubtBin, ...]:
    parts: dict[int, list[_Weighed]] = defaultdict(list)
    for entry in _weighed(audit):
        parts[min(int((1 - entry.rank) * NUM_BINS), NUM_BINS - 1)].append(entry)
    return tuple(
        DoubtBin(
            sum(e.weight * e.uncertainty for e in part) / sum(e.weight for e in part),
            _weighted_share(part, lambda entry: entry.is_faulty),
        )
        for _, part in sorted(parts.items())
    )


def _weighted_share(entries: list[_Weighed], is_hit: Callable[[_Weighed], bool]) -> Estimate:
    """Estimate a share of unequally drawn labels, by Kish's effective number of draws.

    Each stratum is finite: labels that stand for themselves alone leave nothing open.
    """
    total = sum(entry.weight for entry in entries)
    share = min(sum(entry.weight for entry in entries if is_hit(entry)) / total, 1.0)
    left = sum(entry.weight * (entry.weight - 1) for entry in entries)
    draws = total**2 / left if left else math.inf
    low, high = wilson(share, draws)
    return Estimate(share, min(low, share), max(high, share), len(entries), round(total))
