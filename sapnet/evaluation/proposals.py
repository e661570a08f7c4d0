"""Proposal quality: the proposer's own first choice, and the best choice there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.alignment import truth_for_store
from sapnet.evaluation.ground_truth import open_truth
from sapnet.evaluation.judged import JudgedObject, judge_aligned
from sapnet.evaluation.mean_iou import mean_iou_by_size
from sapnet.store.views.whole import open_whole_store

if TYPE_CHECKING:
    from sapnet.store.reader import ProposalStore
    from sapnet.system.locations import Location


def evaluate_proposals(
    store: ProposalStore | Location, truth: InstanceSet | Path | str, min_area: float = 0
) -> dict[str, float]:
    """Compute the mean IoU of the proposals chosen by own score and by ground truth.

    Args:
        store: a store written by `sapnet propose`, or its folder or URL; read image by image.
        truth: COCO instance json with the masks of the same objects.
        min_area: smaller objects are left out, pixels of the ground truth.

    Returns:
        `top1_miou` and `oracle_miou`, each also `_small`, `_medium` and `_large` (NaN without such
        objects), and `num_objects`.

    Raises:
        ValueError: an object of the store is not in the ground truth, see `align_truth`.
    """
    judged = judge_proposals(store, truth, min_area)
    rows = [(entry.top1_iou, entry.oracle_iou, entry.instance.area) for entry in judged]
    top1_ious, oracle_ious, areas = np.array(rows, float).reshape(-1, 3).T
    return {
        **mean_iou_by_size(top1_ious, areas, "top1_miou"),
        **mean_iou_by_size(oracle_ious, areas, "oracle_miou"),
        "num_objects": len(rows),
    }


def proposal_ious(
    store: ProposalStore | Location, truth: InstanceSet | Path | str
) -> dict[int, np.ndarray]:
    """Compute the IoU of every proposal with its object's ground truth.

    Computed once before training, it gives the quality of any later choice by look-up:
    `ious[annotation_id][index]`.

    Args:
        store: a store written by `sapnet propose`, or its folder or URL.
        truth: COCO instance json with the masks of the same objects.

    Returns:
        (K,) float32 by object id, in the order of the store; crowds left out.

    Raises:
        ValueError: an object of the store is not in the ground truth, see `align_truth`.
    """
    return {
        entry.instance.annotation_id: entry.ious.astype(np.float32)
        for entry in judge_proposals(store, truth)
    }


def judge_proposals(
    store: ProposalStore | Location, truth: InstanceSet | Path | str, min_area: float = 0
) -> Iterator[JudgedObject]:
    """Yield the objects of a store, one after the other, with their ground truth.

    Args:
        store: a store written by `sapnet propose`, or its folder or URL.
        truth: COCO instance json with the masks of the same objects.
        min_area: smaller objects are left out, pixels of the ground truth.

    Yields:
        Objects that count: no crowds, nothing under `min_area`.

    Raises:
        ValueError: an object of the store is not in the ground truth, see `align_truth`.
    """
    proposal_store = open_whole_store(store)
    aligned = truth_for_store(proposal_store, open_truth(truth))
    yield from judge_aligned(proposal_store, aligned, min_area)
