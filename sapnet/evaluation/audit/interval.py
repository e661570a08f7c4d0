"""A share of a finite population from a stratified sample, with its confidence interval.

Each stratum is a simple random sample without replacement. The estimate weighs the strata by their
sizes. Its interval is Wilson's (1927), which is never empty and never leaves [0, 1], for the
effective number of draws: that of a sample without strata, from an endless population, that would
be as precise. Strata of few judgements borrow from the whole, so that a stratum with five hits of
five does not count as known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

LEVEL = 0.95
"""Probability that an interval holds the true share."""

_BORROWED = 2.0
"""Judgements that each stratum borrows from the whole, for its spread alone."""


@dataclass(frozen=True)
class Counts:
    """The judgements of one stratum.

    Attributes:
        total: members of the stratum.
        judged: members drawn and judged.
        hits: judged members that have the property.
    """

    total: int
    judged: int
    hits: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.judged <= self.total:
            raise ValueError(f"expected 0 <= hits <= judged <= total, found {self}")


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] with the bounds of its interval.

    Attributes:
        value: the estimated share.
        low: lower bound.
        high: upper bound.
        judged: judgements behind it.
        total: members of the population.
    """

    value: float
    low: float
    high: float
    judged: int
    total: int

    @property
    def half_width(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


def wilson(share: float, draws: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the bounds of Wilson's interval.

    Args:
        share: observed share of hits in [0, 1].
        draws: number of draws, > 0; need not be whole. Infinite where all members were seen.
        level: probability that the interval holds the true share.
    """
    if math.isinf(draws):
        return share, share
    z = NormalDist().inv_cdf((1 + level) / 2)
    spread = z * math.sqrt(share * (1 - share) / draws + (z / (2 * draws)) ** 2)
    middle, scale = share + z * z / (2 * draws), 1 + z * z / draws
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def estimate(strata: Sequence[Counts], level: float = LEVEL) -> Estimate | None:
    """Estimate the share of hits of a population.

    Args:
        strata: all strata of the population; empty ones do not count.
        level: probability that the interval holds the true share.

    Returns:
        The estimate; None as long as a stratum is without a judgement, or without any stratum.
    """
    strata = [stratum for stratum in strata if stratum.total]
    if not strata or not all(stratum.judged for stratum in strata):
        return None
    total = sum(stratum.total for stratum in strata)
    judged = sum(stratum.judged for stratum in strata)
    value = sum(stratum.total * stratum.hits / stratum.judged for stratum in strata) / total
    low, high = wilson(value, _effective_draws(strata, value), level)
    # Rounding must not push a bound past the estimate.
    return Estimate(value, min(low, value), max(high, value), judged, total)


def still_to_judge(strata: Sequence[Counts], half_width: float, level: float = LEVEL) -> int | None:
    """Return how many more judgements bring an interval to a wanted half width.

    They are spread over the strata in proportion to the judgements so far, and are assumed to come
    out alike.

    Args:
        strata: all strata of the population.
        half_width: wanted half width of the interval, in (0, 1).
        level: probability that the interval holds the true share.

    Returns:
        0 where it is narrow enough already; None as long as a stratum is without a judgement.
    """
    now = estimate(strata, level)
    if now is None:
        return None
    fewest, most = now.judged, now.total
    while fewest < most:
        middle = (fewest + most) // 2
        then = estimate([_grown(stratum, middle / now.judged) for stratum in strata], level)
        if then is not None and then.half_width <= half_width:
            most = middle
        else:
            fewest = middle + 1
    if now.half_width <= half_width:
        return 0
    return sum(_grown(s, fewest / now.judged).judged for s in strata) - now.judged


def _grown(stratum: Counts, factor: float) -> Counts:
    """Return a stratum with more judgements that come out as those so far."""
    if not stratum.judged:
        return stratum
    judged = min(math.ceil(stratum.judged * factor), stratum.total)
    hits = min(round(stratum.hits / stratum.judged * judged), judged)
    return replace(stratum, judged=judged, hits=hits)


def _effective_draws(strata: Sequence[Counts], value: float) -> float:
    """Return the number of independent draws that would be as precise; infinite for a census."""
    total = sum(stratum.total for stratum in strata)
    judged = sum(stratum.judged for stratum in strata)
    # One hit and one miss more (Laplace): a sample of hits alone does not prove a share of 1.
    common = (value * judged + 1) / (judged + 2)
    mean = variance = 0.0
    for stratum in strata:
        weight = stratum.total / total
        share = (stratum.hits + _BORROWED * common) / (stratum.judged + _BORROWED)
        mean += weight * share
        left = (stratum.total - stratum.judged) / max(stratum.total - 1, 1)
        variance += weight**2 * left * share * (1 - share) / stratum.judged
    return mean * (1 - mean) / variance if variance else math.inf
