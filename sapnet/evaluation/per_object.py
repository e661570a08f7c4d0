"""Quality of each label, for tables by category and plots by size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sapnet.evaluation.alignment import truth_for_choices, truth_for_labels
from sapnet.evaluation.ground_truth import objects_by_id
from sapnet.evaluation.judged import ObjectQuality, judge_aligned, label_iou

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.evaluation.label_file import LabelSet
    from sapnet.store.reader import ProposalStore


def judge_objects(
    labels: LabelSet, truth: InstanceSet, store: ProposalStore | None = None
) -> Iterator[ObjectQuality]:
    """Yield the objects that `sapnet evaluate` counts: in the store, or on labelled images.

    Args:
        labels: written by `sapnet label`.
        truth: the same objects.
        store: the proposals that the labels were chosen from.

    Raises:
        ValueError: an object or image of the labels or the store is not in the ground truth, or
            labels and store are not of the same clicks.
    """
    if store is not None:
        for entry in judge_aligned(store, truth_for_choices(labels, store, truth)):
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
    for key, instance in objects_by_id(truth_for_labels(labels, truth)).items():
        if instance.image_id in labels.image_ids:
            iou = label_iou(labels.labels.get(key), instance.rle())
            yield ObjectQuality(key, instance.category_id, instance.area, iou)
