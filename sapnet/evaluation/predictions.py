"""Quality of predictions on images: COCO's AP and AR for masks and boxes, VOC's AP for masks."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.evaluation.ground_truth import check_known, open_truth
from sapnet.evaluation.voc import ImageMasks, category_average_precision
from sapnet.geometry.rle import rle_boxes, to_rle

if TYPE_CHECKING:
    from faster_coco_eval import COCOeval_faster
    from faster_coco_eval.core.coco import COCO

logger = logging.getLogger(__name__)

VOC_THRESHOLDS = (0.25, 0.5, 0.75)
"""IoU thresholds that weakly supervised work reports on PASCAL VOC."""

_KEYS = {
    "AP_all": "ap",
    "AP_50": "ap50",
    "AP_75": "ap75",
    "AP_small": "ap_small",
    "AP_medium": "ap_medium",
    "AP_large": "ap_large",
    "AR_all": "ar_1",
    "AR_second": "ar_10",
    "AR_third": "ar_100",
    "AR_small": "ar_small",
    "AR_medium": "ar_medium",
    "AR_large": "ar_large",
}
"""Our key by faster-coco-eval's; its AR_all, AR_second, AR_third allow 1, 10, 100 per image."""


def evaluate_predictions(
    predictions: Sequence[Mapping[str, Any]] | Path | str, truth: InstanceSet | Path | str
) -> dict[str, float]:
    """COCO and VOC figures of predictions.

    All images and categories of the ground truth count, those without predictions included.
    Categories without ground truth are left out of every mean, as in COCO.

    Args:
        predictions: COCO results: records of `image_id`, `category_id`, `segmentation` (run
            lengths), `score` and optionally `bbox` (x, y, width, height; else the tight box), or
            the json file that holds them. Where a record also has a `file_name` that the ground
            truth knows, the image is found by it: `sapnet predict` does not know the data set's
            ids.
        truth: COCO instance json.

    Returns:
        `mask_ap`, `mask_ap50`, `mask_ap75`, `mask_ap_small`, `_medium`, `_large`, `mask_ar_1`,
        `mask_ar_10`, `mask_ar_100`, `mask_ar_small`, `_medium`, `_large`; the same for `box_`;
        `voc_ap25`, `voc_ap50`, `voc_ap75`. In [0, 1]; NaN where no object is of that size.

    Raises:
        ValueError: if a record lacks a key or names an image or category that the ground truth
            does not have.
    """
    gt = open_truth(truth)
    records = read_results(predictions, gt)
    return {
        **_coco_figures(records, gt, "segm"),
        **_coco_figures(records, gt, "bbox"),
        **_voc_figures(records, gt),
    }


def read_results(
    predictions: Sequence[Mapping[str, Any]] | Path | str, truth: InstanceSet
) -> list[dict[str, Any]]:
    """Checked COCO results with compressed run lengths, a box and the ground truth's image ids.

    Args:
        predictions: COCO results, or the json file that holds them.
        truth: the objects of the same images.

    Raises:
        ValueError: as `evaluate_predictions` does.
    """
    source = "predictions"
    if isinstance(predictions, Path | str):
        source = str(predictions)
        predictions = json.loads(Path(source).read_text(encoding="utf-8"))
        if not isinstance(predictions, list):
            raise ValueError(
                f"{source}: expected a list of COCO results, found {type(predictions).__name__}"
            )
    required = {"image_id", "category_id", "segmentation", "score"}
    for index, record in enumerate(predictions):
        if missing := required - record.keys():
            raise ValueError(f"{source}, record {index}: missing {', '.join(sorted(missing))}")
    predictions = _with_true_image_ids(predictions, truth)
    sizes = {image.image_id: (image.height, image.width) for image in truth.images}
    check_known((r["image_id"] for r in predictions), sizes, f"images of {source}")
    category_ids = {category.category_id for category in truth.categories}
    check_known((r["category_id"] for r in predictions), category_ids, f"categories of {source}")
    return [_read_record(record, *sizes[record["image_id"]]) for record in predictions]


def _with_true_image_ids(
    predictions: Sequence[Mapping[str, Any]], truth: InstanceSet
) -> list[Mapping[str, Any]]:
    """The records with the ground truth's id of the image whose `file_name` they carry.

    Folders count only where names alone are not enough to tell the images apart.
    """
    by_path = {image.file_name: image.image_id for image in truth.images}
    names = Counter(Path(path).name for path in by_path)
    by_name = {Path(path).name: i for path, i in by_path.items() if names[Path(path).name] == 1}

    def image_id(record: Mapping[str, Any]) -> Any:  # noqa: ANN401  # JSON
        path = str(record.get("file_name", ""))
        return by_path.get(path, by_name.get(Path(path).name, record["image_id"]))

    return [{**record, "image_id": image_id(record)} for record in predictions]


def _read_record(record: Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
    rle = to_rle(record["segmentation"], height, width)
    return {
        "image_id": record["image_id"],
        "category_id": record["category_id"],
        "segmentation": rle,
        "bbox": record.get("bbox") or _xywh(rle_boxes([rle])[0].tolist()),
        "score": float(record["score"]),
    }


def _xywh(box: Sequence[float]) -> list[float]:
    """A box in COCO's form."""
    x1, y1, x2, y2 = box
    return [x1, y1, x2 - x1, y2 - y1]


def _coco_figures(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet, iou_type: Literal["segm", "bbox"]
) -> dict[str, float]:
    """COCO's twelve figures for masks or boxes."""
    evaluator = run_coco(records, truth, iou_type)
    prefix = "mask" if iou_type == "segm" else "box"
    figures = {f"{prefix}_{key}": evaluator.stats_as_dict[name] for name, key in _KEYS.items()}
    return {key: value if value >= 0 else float("nan") for key, value in figures.items()}


def run_coco(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet, iou_type: Literal["segm", "bbox"]
) -> COCOeval_faster:
    """COCO's evaluation, run.

    Args:
        records: from `read_results`.
        truth: the objects of the same images.
        iou_type: whether masks or boxes are compared.
    """
    from faster_coco_eval import COCOeval_faster

    # With a `bbox`, a result's size group would follow its box in the evaluation of masks too.
    left_out = "bbox" if iou_type == "segm" else "segmentation"
    results = [{k: v for k, v in record.items() if k != left_out} for record in records]
    coco_truth = _to_coco(truth)
    evaluator = COCOeval_faster(
        coco_truth, coco_truth.loadRes(results), iou_type, print_function=logger.debug
    )
    evaluator.run()
    return evaluator


def _to_coco(truth: InstanceSet) -> COCO:
    from faster_coco_eval import COCO

    return COCO(
        {
            "images": [
                {"id": image.image_id, "height": image.height, "width": image.width}
                for image in truth.images
            ],
            "categories": [
                {"id": category.category_id, "name": category.name} for category in truth.categories
            ],
            "annotations": [
                {
                    # Counted anew: the evaluation takes an object of id 0 for one not found.
                    "id": place,
                    "image_id": instance.image_id,
                    "category_id": instance.category_id,
                    "segmentation": dict(instance.rle()),
                    "bbox": _xywh(instance.box),
                    "area": instance.area,
                    "iscrowd": int(instance.is_crowd),
                }
                for place, instance in enumerate(truth.instances, 1)
            ],
        }
    )


def _voc_figures(records: Sequence[Mapping[str, Any]], truth: InstanceSet) -> dict[str, float]:
    """VOC's mask AP at each threshold, mean over the categories that have ground truth."""
    categories = _group_by_category(records, truth)
    figures = {}
    for threshold in VOC_THRESHOLDS:
        precisions = [category_average_precision(images, threshold) for images in categories]
        mean = float(np.mean(precisions)) if precisions else float("nan")
        figures[f"voc_ap{threshold * 100:.0f}"] = mean
    return figures


def _group_by_category(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet
) -> list[list[ImageMasks]]:
    """Per category with ground truth, the masks of each image that has any."""
    predicted: dict[tuple[int, int], list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        predicted[record["category_id"], record["image_id"]].append(record)
    present: dict[tuple[int, int], list[Instance]] = defaultdict(list)
    for instance in truth.instances:
        present[instance.category_id, instance.image_id].append(instance)
    grouped: dict[int, list[ImageMasks]] = defaultdict(list)
    for key in sorted(predicted.keys() | present.keys()):
        grouped[key[0]].append(
            ImageMasks(
                [record["segmentation"] for record in predicted[key]],
                np.array([record["score"] for record in predicted[key]]),
                [instance.rle() for instance in present[key] if not instance.is_crowd],
                [instance.rle() for instance in present[key] if instance.is_crowd],
            )
        )
    return [images for images in grouped.values() if any(image.gt_rles for image in images)]
