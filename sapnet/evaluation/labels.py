"""Label quality: the IoU of each chosen mask with the ground truth of its object."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.evaluation.alignment import truth_for_labels
from sapnet.evaluation.ground_truth import objects_by_id, open_truth
from sapnet.evaluation.judged import label_iou
from sapnet.evaluation.label_file import LabelSet, load_labels
from sapnet.evaluation.mean_iou import mean_iou_by_size
from sapnet.structures.origin import origin_group


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
        ValueError: a label's object or image is not in the ground truth, see `align_truth`.
    """
    label_set, objects = _labelled_objects(labels, truth, min_area)
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


def labels_by_origin(
    labels: LabelSet | Path | str, truth: InstanceSet | Path | str, min_area: float = 0
) -> dict[str, float]:
    """Compute the mean IoU of labels for each kind of origin.

    Args:
        labels: a file written by `sapnet label`.
        truth: COCO instance json with the masks of the same objects.
        min_area: smaller objects are left out, pixels of the ground truth.

    Returns:
        `label_miou/KIND` and `num_objects/KIND` by kind, such as "selection and segmenter" or
        "person, picked"; the most frequent first. Objects without a label are in none.

    Raises:
        ValueError: a label's object or image is not in the ground truth, see `align_truth`.
    """
    label_set, objects = _labelled_objects(labels, truth, min_area)
    ious: dict[str, list[float]] = defaultdict(list)
    for key, instance in objects.items():
        if (label := label_set.labels.get(key)) is not None:
            ious[origin_group(label.origin)].append(label_iou(label, instance.rle()))
    figures: dict[str, float] = {}
    for kind, found in sorted(ious.items(), key=lambda entry: -len(entry[1])):
        figures[f"label_miou/{kind}"] = float(np.mean(found))
        figures[f"num_objects/{kind}"] = len(found)
    return figures


def _labelled_objects(
    labels: LabelSet | Path | str, truth: InstanceSet | Path | str, min_area: float
) -> tuple[LabelSet, dict[int, Instance]]:
    """Return the labels, and the true objects on their images by annotation id."""
    label_set = labels if isinstance(labels, LabelSet) else load_labels(labels)
    gt = truth_for_labels(label_set, open_truth(truth))
    return label_set, {
        annotation_id: instance
        for annotation_id, instance in objects_by_id(gt, min_area).items()
        if instance.image_id in label_set.image_ids
    }
