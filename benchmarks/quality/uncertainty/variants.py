"""Variants of the uncertainty, and figures of how well each finds the wrong labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from benchmarks.quality.uncertainty.evidence import Evidence, normalized

WRONG_BELOW = 0.5
"""IoU with the truth below which a label is wrong."""

SHARES = (0.1, 0.2, 0.3)
"""Shares of the labels that are looked through, the most uncertain ones first."""

CONFIDENCES: dict[str, Callable[[Evidence], float]] = {
    "expected IoU (the selection score)": lambda e: float(e.expected[e.chosen]),
    "margin of the best two expected IoUs": lambda e: e.margin(e.expected),
    "margin to the best mask of IoU < 0.5 with the choice": lambda e: e.margin_to_others(0.5),
    "margin to the best mask of IoU < 0.7 with the choice": lambda e: e.margin_to_others(0.7),
    "margin of the best two stage scores": lambda e: e.margin(normalized(e.stages.prod(0) ** 0.5)),
    "IoU of the best mask of selection and of refinement": lambda e: float(
        e.overlap[e.stages[0].argmax(), e.stages[-1].argmax()]
    ),
    "IoU with the best mask of selection": lambda e: float(
        e.overlap[e.chosen, e.stages[0].argmax()]
    ),
    "IoU with the best mask of refinement": lambda e: float(
        e.overlap[e.chosen, e.stages[-1].argmax()]
    ),
    "S: expected IoU, untempered scores of both stages": lambda e: e.agreement(),
    "S with scores to the power 0.5": lambda e: e.agreement(0.5),
    "S with scores to the power 2": lambda e: e.agreement(2.0),
    "S with scores of selection alone": lambda e: e.stage_agreement(0),
    "S with scores of refinement alone": lambda e: e.stage_agreement(-1),
    "mean IoU with the bag": lambda e: float(e.overlap[e.chosen].mean()),
    "proposer's own score": lambda e: e.own_score,
    "G: best IoU of the segmenter's instances": lambda e: e.segmenter(),
    "G with instances of score >= 0.1": lambda e: e.segmenter(0.1),
    "G with instances of score >= 0.3": lambda e: e.segmenter(0.3),
    "G with IoU times score": lambda e: float((e.segmenter_iou * e.segmenter_score).max(initial=0)),
    "mean of expected IoU and G": lambda e: float(e.expected[e.chosen]) + e.segmenter(),
    "mean of expected IoU, G and own score": lambda e: (
        float(e.expected[e.chosen]) + e.segmenter() + e.own_score
    ),
    "product of expected IoU and G": lambda e: float(e.expected[e.chosen]) * e.segmenter(),
    "mean of S with scores to the power 0.5, and G": lambda e: e.agreement(0.5) + e.segmenter(),
    "mean of S with scores of selection alone, and G": lambda e: (
        e.stage_agreement(0) + e.segmenter()
    ),
    "product of S and G": lambda e: e.agreement() * e.segmenter(),
    "smaller one of S and G": lambda e: min(e.agreement(), e.segmenter()),
    "mean of S and G": lambda e: e.agreement() + e.segmenter(),
    "mean of S, G and own score": lambda e: e.agreement() + e.segmenter() + e.own_score,
    "mean of own score, and of S and G": lambda e: (
        (e.agreement() + e.segmenter()) / 2 + e.own_score
    ),
    "mean of S and own score": lambda e: e.agreement() + e.own_score,
    "mean of G and own score": lambda e: e.segmenter() + e.own_score,
    "own score times the mean of S and G": lambda e: e.own_score * (e.agreement() + e.segmenter()),
    "own score times S": lambda e: e.own_score * e.agreement(),
    "kept": lambda e: 1 - e.kept,
}
"""Scores by name; a score is higher if a label is more likely to be right."""

RANK_SUMS = {
    "rank sum of expected IoU and G": (
        "expected IoU (the selection score)",
        "G: best IoU of the segmenter's instances",
    ),
    "rank sum of expected IoU, S and G": (
        "expected IoU (the selection score)",
        "S: expected IoU, untempered scores of both stages",
        "G: best IoU of the segmenter's instances",
    ),
}
"""Variants that add the ranks of several scores, by name."""


def found_share(confidence: np.ndarray, wrong: np.ndarray, share: float) -> float:
    """Return the share of the wrong labels among the least confident ones.

    Ties count by their mean.
    """
    count = round(share * len(wrong))
    cut = np.sort(confidence)[count - 1]
    below, at = confidence < cut, confidence == cut
    from_ties = wrong[at].mean() * (count - below.sum())
    return float((wrong[below].sum() + from_ties) / max(wrong.sum(), 1))


def ranking_quality(confidence: np.ndarray, wrong: np.ndarray) -> float:
    """Return the area under the ROC curve of the confidence as a test for wrong labels."""
    num_wrong, num_right = int(wrong.sum()), int((~wrong).sum())
    if not num_wrong or not num_right:
        return float("nan")
    rank_sum = rankdata(-confidence)[wrong].sum()
    return float((rank_sum - num_wrong * (num_wrong + 1) / 2) / (num_wrong * num_right))


def measure(evidence: list[Evidence]) -> dict[str, dict[str, float]]:
    """Return the figures of each variant, the best one first."""
    wrong = np.array([entry.iou < WRONG_BELOW for entry in evidence])
    columns = {
        name: np.array([score(entry) for entry in evidence]) for name, score in CONFIDENCES.items()
    }
    for name, parts in RANK_SUMS.items():
        columns[name] = sum((rankdata(columns[part]) for part in parts), np.zeros(len(evidence)))
    figures = {
        name: {
            **{f"found_in_{share:.0%}": found_share(values, wrong, share) for share in SHARES},
            "auc": ranking_quality(values, wrong),
        }
        for name, values in columns.items()
    }
    return dict(sorted(figures.items(), key=lambda item: -item[1]["auc"]))
