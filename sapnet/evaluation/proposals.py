"""Proposal quality: the proposer's own first choice, and the best choice there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.evaluation.ground_truth import check_known, objects_by_id, open_truth
from sapnet.evaluation.mean_iou import ious_with_truth, mean_iou_by_size
from sapnet.store.reader import open_store

if TYPE_CHECKING:
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.clicks import RLE
    from sapnet.structures.proposals import StoredObject
    from sapnet.system.locations import Location


@dataclass(frozen=True)
class JudgedObject:
    """An object of a store beside its ground truth.

    Attributes:
        stored: its click and K proposals.
        instance: its ground truth.
        gt_rle: the mask of its ground truth.
        ious: (K,) float64, of each proposal with the ground truth.
    """

    stored: StoredObject
    instance: Instance
    gt_rle: RLE
    ious: np.ndarray

    @property
    def top1_iou(self) -> float:
        """IoU of the proposal with the best own score; 0 without proposals."""
        if len(self.ious) == 0:
            return 0.0
        return float(self.ious[self.stored.proposals.scores.argmax()])

    @property
    def oracle_iou(self) -> float:
        """The best IoU of the bag; 0 without proposals."""
        return float(self.ious.max(initial=0.0))


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
        ValueError: if an object of the store is not in the ground truth.
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
        ValueError: if an object of the store is not in the ground truth.
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
        ValueError: if an object of the store is not in the ground truth.
    """
    proposal_store = open_store(store)
    gt = open_truth(truth)
    known = {instance.annotation_id for instance in gt.instances}
    objects = objects_by_id(gt, min_area)
    for image_index in range(proposal_store.num_images):
        stored_objects = proposal_store.objects_of_image(image_index)
        ids = [stored.click.annotation_id for stored in stored_objects]
        check_known(ids, known, "objects of the proposals")
        for annotation_id, stored in zip(ids, stored_objects, strict=True):
            if annotation_id in objects:
                instance = objects[annotation_id]
                name = f"proposals of object {annotation_id}"
                gt_rle = instance.rle()
                ious = ious_with_truth(stored.proposals.rles, gt_rle, name)
                yield JudgedObject(stored, instance, gt_rle, ious)
