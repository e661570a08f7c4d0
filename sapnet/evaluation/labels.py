"""Label quality: the IoU of each chosen mask with the ground truth of its object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.ground_truth import check_known, objects_by_id, open_truth
from sapnet.evaluation.label_file import Label, LabelSet, load_labels
from sapnet.evaluation.mean_iou import ious_with_truth, mean_iou_by_size

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


def evaluate_labels(
    labels: LabelSet | Path | str, truth: InstanceSet | Path | str, min_area: float = 0
) -> dict[str, float]:
    """Compute the mean IoU of labels.

    Every non-crowd object on a labelled image counts; one without a label has IoU 0.

    Args:
        labels: a file written by `sapnet label`.
        truth: COCO instance json with the masks of the same objects.
        min_area: smaller objects are left out, pixels of the ground truth.

    Returns:
        `label_miou`, also `_small`, `_medium` and `_large` (NaN without such objects),
        `num_objects` that count and `num_missing` of them without a label.

    Raises:
        ValueError: if a label's object or an image is not in the ground truth.
    """
    label_set = labels if isinstance(labels, LabelSet) else load_labels(labels)
    gt = open_truth(truth)
    check_labels_known(label_set, gt)
    objects = {
        annotation_id: instance
        for annotation_id, instance in objects_by_id(gt, min_area).items()
        if instance.image_id in label_set.image_ids
    }
    labelled = label_set.labels
    ious = np.array(
        [label_iou(labelled.get(key), instance.rle()) for key, instance in objects.items()]
    )
    areas = np.array([instance.area for instance in objects.values()])
    return {
        **mean_iou_by_size(ious, areas, "label_miou"),
        "num_objects": len(objects),
        "num_missing": len(objects.keys() - labelled.keys()),
    }


def label_iou(label: Label | None, gt_rle: RLE) -> float:
    """Compute the IoU of a label with the ground truth of its object; 0 without a label."""
    if label is None:
        return 0.0
    name = f"label of object {label.annotation_id}"
    return float(ious_with_truth([label.rle], gt_rle, name)[0])


def check_labels_known(labels: LabelSet, truth: InstanceSet) -> None:
    """Raise an error for labels of objects or images that the ground truth does not have.

    Raises:
        ValueError: naming them.
    """
    check_known(
        labels.image_ids, {image.image_id for image in truth.images}, "images of the labels"
    )
    annotation_ids = {instance.annotation_id for instance in truth.instances}
    check_known(labels.labels, annotation_ids, "objects of the labels")
