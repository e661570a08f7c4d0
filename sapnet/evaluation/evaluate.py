"""Evaluation of labels, proposals and predictions, as `sapnet evaluate` runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.ground_truth import open_truth
from sapnet.evaluation.labels import evaluate_labels, labels_by_origin
from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.evaluation.proposals import evaluate_proposals
from sapnet.evaluation.selection_quality import evaluate_choices

if TYPE_CHECKING:
    from sapnet.store.reader import ProposalStore
    from sapnet.system.locations import Location


def evaluate(
    truth: InstanceSet | Path | str,
    *,
    labels: Path | str | None = None,
    proposals: ProposalStore | Location | None = None,
    predictions: Path | str | None = None,
    min_area: float = 0,
    by_origin: bool = False,
) -> dict[str, float]:
    """Compare labels, proposals and predictions with one ground truth.

    Args:
        truth: COCO instance json, or its content.
        labels: written by `sapnet label`; with `proposals` the choice is compared with the
            proposer's own and the best possible one.
        proposals: store written by `sapnet propose`, or its folder or URL.
        predictions: COCO results json, as `sapnet predict` writes.
        min_area: smaller objects are left out of label and proposal figures, pixels.
        by_origin: also the labels' figures by where they come from, see `labels_by_origin`.

    Returns:
        Figures by name; see `evaluate_choices`, `evaluate_labels`, `evaluate_proposals` and
        `evaluate_predictions`.

    Raises:
        ValueError: no file to score was given, or one does not fit the ground truth.
    """
    if labels is None and proposals is None and predictions is None:
        raise ValueError("evaluate: expected labels, proposals or predictions, found none of them")
    if by_origin and labels is None:
        raise ValueError("evaluate: figures by origin are of labels; name their file")
    gt = open_truth(truth)
    figures: dict[str, float] = {}
    if labels is not None and proposals is not None:
        figures |= evaluate_choices(labels, proposals, gt, min_area)
    elif labels is not None:
        figures |= evaluate_labels(labels, gt, min_area)
    if labels is not None and by_origin:
        figures |= labels_by_origin(labels, gt, min_area)
    if labels is None and proposals is not None:
        figures |= evaluate_proposals(proposals, gt, min_area)
    if predictions is not None:
        figures |= evaluate_predictions(predictions, gt)
    return figures
