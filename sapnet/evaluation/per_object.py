"""The quality of each label, one by one: what tables by category and plots by size are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sapnet.evaluation.ground_truth import objects_by_id
from sapnet.evaluation.labels import check_labels_known, label_iou
from sapnet.evaluation.proposals import judge_proposals

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.evaluation.label_file import LabelSet
    from sapnet.store.reader import ProposalStore


@dataclass(frozen=True)
class ObjectQuality:
    """IoUs of one object with its ground truth.

    Attributes:
        annotation_id: the object.
        category_id: of its ground truth.
        area: of its ground truth, square pixels.
        label_iou: of its label; 0 without one.
        top1_iou: of the proposer's favourite; None without a store.
        oracle_iou: of the best proposal; None without a store.
    """

    annotation_id: int
    category_id: int
    area: float
    label_iou: float
    top1_iou: float | None = None
    oracle_iou: float | None = None


def judge_objects(
    labels: LabelSet, truth: InstanceSet, store: ProposalStore | None = None
) -> Iterator[ObjectQuality]:
    """The objects that `sapnet evaluate` counts: no crowds; on labelled images, or in the store.

    Args:
        labels: written by `sapnet label`.
        truth: the same objects.
        store: the proposals that the labels were chosen from.

    Raises:
        ValueError: if an object or image of the labels or the store is not in the ground truth.
    """
    check_labels_known(labels, truth)
    if store is not None:
        for entry in judge_proposals(store, truth):
            key = entry.instance.annotation_id
            yield ObjectQuality(
                key,
                entry.instance.category_id,
                entry.instance.area,
                label_iou(labels.labels.get(key), entry.gt_rle),
                entry.top1_iou,
                entry.oracle_iou,
            )
        return
    for key, instance in objects_by_id(truth).items():
        if instance.image_id in labels.image_ids:
            iou = label_iou(labels.labels.get(key), instance.rle())
            yield ObjectQuality(key, instance.category_id, instance.area, iou)
