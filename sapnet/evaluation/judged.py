"""Labels and proposals beside their ground truth, object by object.

The ground truth has the ids of the labels or proposals; see `alignment`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.evaluation.ground_truth import objects_by_id
from sapnet.evaluation.mean_iou import ious_with_truth

if TYPE_CHECKING:
    from sapnet.evaluation.label_file import Label
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.clicks import RLE
    from sapnet.structures.proposals import StoredObject


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


@dataclass(frozen=True)
class ObjectQuality:
    """IoUs of one object with its ground truth.

    Attributes:
        annotation_id: the object.
        category_id: of its ground truth.
        area: of its ground truth, square pixels.
        label_iou: of its label; 0 without one.
        top1_iou: of the proposal with the best own score; None without a store.
        oracle_iou: of the best proposal; None without a store.
    """

    annotation_id: int
    category_id: int
    area: float
    label_iou: float
    top1_iou: float | None = None
    oracle_iou: float | None = None


def judge_aligned(
    store: ProposalStore, truth: InstanceSet, min_area: float = 0
) -> Iterator[JudgedObject]:
    """Yield the objects of a store with a ground truth that has the store's ids.

    Args:
        store: an open store.
        truth: from `truth_for_store`.
        min_area: smaller objects are left out, pixels of the ground truth.
    """
    objects = objects_by_id(truth, min_area)
    for image_index in range(store.num_images):
        for stored in store.objects_of_image(image_index):
            instance = objects.get(stored.click.annotation_id)
            if instance is not None:
                name = f"proposals of object {instance.annotation_id}"
                gt_rle = instance.rle()
                ious = ious_with_truth(stored.proposals.rles, gt_rle, name)
                yield JudgedObject(stored, instance, gt_rle, ious)


def label_iou(label: Label | None, gt_rle: RLE) -> float:
    """Compute the IoU of a label with the ground truth of its object; 0 without a label."""
    if label is None:
        return 0.0
    name = f"label of object {label.annotation_id}"
    return float(ious_with_truth([label.rle], gt_rle, name)[0])
