"""Annotations of label files: COCO instances with scores, uncertainty and candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sapnet.geometry.rle import rle_areas, rle_to_json
from sapnet.structures.origin import PERSON

if TYPE_CHECKING:
    import numpy as np

    from sapnet.labelling.choice import ChosenLabel
    from sapnet.structures.batch import Batch
    from sapnet.structures.corrections import Corrections
    from sapnet.structures.outputs import Selection
    from sapnet.structures.proposals import StoredObject

UNCERTAINTY_DIGITS = 4
"""Of the uncertainty in label files; finer differences order nothing."""


def label_records(
    labels: Sequence[ChosenLabel],
    selection: Selection,
    doubts: np.ndarray,
    with_candidates: bool,
) -> Iterator[dict[str, Any]]:
    """Make one COCO annotation per label.

    Args:
        labels: N labels of a batch.
        selection: the choice for them.
        doubts: (N,) their uncertainties.
        with_candidates: also all candidates with their scores.
    """
    rows = selection.scores.float().cpu().numpy()
    for label_, row, doubt in zip(labels, rows, doubts.tolist(), strict=True):
        scores = row[: len(label_.stored.proposals)]
        judges = "selection" if label_.overlap is None else "selection and segmenter"
        record = _label_record(label_.stored, label_.index, scores, doubt, with_candidates)
        yield {**record, "origin": _origin(label_.stored, label_.index, judges)}


def with_boxes(
    records: Iterable[dict[str, Any]], batch: Batch, selection: Selection
) -> Iterator[dict[str, Any]]:
    """Add to each record the refined box of the selection, original frame."""
    if batch.bags is None:
        return
    factors = (batch.original_sizes / batch.image_sizes).flip(1)[batch.bags.image_index]
    boxes = (selection.boxes.float() * factors.repeat(1, 2)).tolist()
    for record, (x1, y1, x2, y2) in zip(records, boxes, strict=True):
        yield {**record, "refined_box": [x1, y1, x2 - x1, y2 - y1]}


def top1_record(stored: StoredObject, with_candidates: bool) -> dict[str, Any]:
    """Make the annotation of the proposal with the best own score.

    Args:
        stored: an object with at least one proposal.
        with_candidates: also all candidates with their scores.
    """
    scores = stored.proposals.scores
    best = int(scores.argmax())
    record = _label_record(stored, best, scores, 1 - float(scores[best]), with_candidates)
    return {**record, "origin": _origin(stored, best, "proposer")}


def _origin(stored: StoredObject, index: int, judges: str) -> dict[str, str]:
    """Say where a mask comes from: who chose it, and the prompt that gave it."""
    chosen_by = PERSON if stored.has_given_mask else judges
    return {"chosen_by": chosen_by, "prompt": stored.proposals.prompts[index]}


def with_decision(record: dict[str, Any], corrections: Corrections | None) -> dict[str, Any]:
    """Add to the origin of a mask that a person decided on how that was done.

    Args:
        record: of a label.
        corrections: the decisions of a review; masks that are not in it came with their clicks.
    """
    origin = record["origin"]
    if origin["chosen_by"] != PERSON:
        return record
    fixed = None if corrections is None else corrections.fixed.get(record["id"])
    decision = "given" if fixed is None else fixed.action
    # What was asked of the proposer is not known of a decided mask.
    return {**record, "origin": {"chosen_by": PERSON, "decision": decision}}


def _label_record(
    stored: StoredObject, index: int, scores: np.ndarray, doubt: float, with_candidates: bool
) -> dict[str, Any]:
    proposals = stored.proposals
    x1, y1, x2, y2 = proposals.boxes[index].tolist()
    record: dict[str, Any] = {
        "id": stored.click.annotation_id,
        "image_id": stored.click.image_id,
        "category_id": stored.click.category_id,
        "segmentation": rle_to_json(proposals.rles[index]),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": int(rle_areas([proposals.rles[index]])[0]),
        "iscrowd": 0,
        "score": float(scores[index]),
        "uncertainty": round(doubt, UNCERTAINTY_DIGITS),
        "point": list(stored.click.point),
    }
    if with_candidates:
        record["candidates"] = {
            "segmentations": [rle_to_json(rle) for rle in proposals.rles],
            "scores": scores.tolist(),
            "own_scores": proposals.scores.tolist(),
            "chosen": index,
        }
    return record
