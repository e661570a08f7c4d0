"""Quality of predictions: AP and AR of COCO and AP of VOC, for masks and boxes."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.matching.categories import match_categories
from sapnet.data.matching.images import match_images, one_id_per_name
from sapnet.data.matching.results import check_results, load_results
from sapnet.evaluation.ground_truth import check_known, open_truth, with_open_images
from sapnet.evaluation.voc import ImageBoxes, ImageMasks, category_average_precision
from sapnet.geometry.rle import rle_boxes, to_rle
from sapnet.structures.clicks import Category

if TYPE_CHECKING:
    from faster_coco_eval import COCOeval_faster
    from faster_coco_eval.core.coco import COCO

logger = logging.getLogger(__name__)

MOST_COUNTED = 100
"""Predictions of an image that COCO's AP counts."""

_TRUTH = "the ground truth"
"""Its name in messages."""

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
    Categories without ground truth are left out of every mean, as in COCO. In images that are
    partial in a category, predictions of it that find no true object do not count, as in LVIS.

    Args:
        predictions: COCO results: records of `image_id`, `category_id`, `segmentation` (run
            lengths), `score` and optionally `bbox` (x, y, width, height; else the tight box), or
            the json file that holds them. Where records have a `file_name`, as those of `sapnet
            predict`, images are found by it: their ids are places in a list. Where they have a
            `category_name`, categories are found by it.
        truth: COCO instance json.

    Returns:
        `mask_ap`, `mask_ap50`, `mask_ap75`, `mask_ap_small`, `_medium`, `_large`, `mask_ar_1`,
        `mask_ar_10`, `mask_ar_100`, `mask_ar_small`, `_medium`, `_large`; the same for `box_`;
        `voc_ap25`, `voc_ap50`, `voc_ap75` of masks, and `voc_box_ap25`, `_ap50`, `_ap75`. In
        [0, 1]; NaN where no object is of that size.

    Raises:
        ValueError: a record is malformed, or its image or category is not in the ground truth or
            fits several.
    """
    gt = open_truth(truth)
    records = read_results(predictions, gt)
    _say(_crowded(gt))
    _say(_left_open(gt))
    return {
        **_coco_figures(records, gt, "segm"),
        **_coco_figures(records, gt, "bbox"),
        **_voc_figures(records, gt),
    }


def read_results(
    predictions: Sequence[Mapping[str, Any]] | Path | str, truth: InstanceSet
) -> list[dict[str, Any]]:
    """Read and check COCO results; add compressed run lengths, boxes and true ids.

    Args:
        predictions: COCO results, or the json file that holds them.
        truth: the objects of the same images.

    Returns:
        A record per prediction, of `image_id`, `category_id`, `segmentation`, `bbox` and `score`,
        with the ids of the ground truth.

    Raises:
        ValueError: as `evaluate_predictions` does.
    """
    if isinstance(predictions, Path | str):
        source, records = str(predictions), load_results(predictions)
        _say(_matched_by_id(records, source))
    else:
        source, records = "predictions", check_results(predictions, "predictions")
    image_ids = _true_image_ids(records, truth, source)
    category_ids = _true_category_ids(records, truth, source)
    sizes = {image.image_id: (image.height, image.width) for image in truth.images}
    return [
        _read_record(
            {**record, "image_id": image_id, "category_id": category_id},
            *sizes[image_id],
            place=f"{source}, record {number}",
        )
        for number, (record, image_id, category_id) in enumerate(
            zip(records, image_ids, category_ids, strict=True)
        )
    ]


def _matched_by_id(records: Sequence[Mapping[str, Any]], source: str) -> str:
    """Return a line on what the ids alone decide; empty for records with names."""
    first = records[0] if records else {"file_name": "", "category_name": ""}
    missing = [
        f"no {name!r}, so that {key!r} decides"
        for name, key in (("file_name", "image_id"), ("category_name", "category_id"))
        if name not in first
    ]
    return f"{source} has {' and '.join(missing)}" if missing else ""


def _true_image_ids(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet, source: str
) -> list[int]:
    """Return the ground truth's image of each record: by file name, else by id."""
    named = [
        (record["file_name"], record["image_id"]) for record in records if "file_name" in record
    ]
    if not named:
        found = [record["image_id"] for record in records]
        check_known(found, {image.image_id for image in truth.images}, f"images of {source}")
        return found
    one_id_per_name(named, source)
    match = match_images((name for name, _ in named), truth.images, source, _TRUTH)
    _say(match.note)
    return [match.images[name].image_id for name, _ in named]


def _true_category_ids(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet, source: str
) -> list[int]:
    """Return the ground truth's category of each record: by name, else by id."""
    found = [record["category_id"] for record in records]
    named = {
        (record["category_id"], record["category_name"])
        for record in records
        if "category_name" in record
    }
    if not named:
        known = {category.category_id for category in truth.categories}
        check_known(found, known, f"categories of {source}")
        return found
    names = dict(sorted(named))
    if len(names) < len(named):
        twice = next(number for number, name in sorted(named) if names[number] != name)
        raise ValueError(
            f"{source}: category {twice} has several names, such as {names[twice]!r}. Use the "
            "results of one run."
        )
    used = [Category(number, name) for number, name in names.items()]
    match = match_categories(used, truth.categories, source, _TRUTH)
    _say(match.note)
    return [match.ids[number] for number in found]


def _crowded(truth: InstanceSet) -> str:
    """Return a line on images with more objects than COCO's figures count; empty without any."""
    counts = Counter(i.image_id for i in truth.instances if not i.is_crowd)
    many = sum(count > MOST_COUNTED for count in counts.values())
    if not many:
        return ""
    return (
        f"{many} images have more than {MOST_COUNTED} true objects: COCO's AP and AR count the "
        f"{MOST_COUNTED} best predictions of an image, and are too low there"
    )


def _left_open(truth: InstanceSet) -> str:
    """Return a line on images that are not all annotated; empty without any."""
    partial = sum(map(bool, truth.partial.values()))
    if not partial:
        return ""
    return (
        f"partial images in the ground truth: {partial}. Predictions that find no true object "
        "there, of classes that are not all annotated, do not count as wrong"
    )


def _say(note: str) -> None:
    if note:
        logger.warning("%s", note)


def _read_record(
    record: Mapping[str, Any], height: int, width: int, *, place: str
) -> dict[str, Any]:
    try:
        rle = to_rle(record["segmentation"], height, width)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{place}: {error}. Use results of the images that the ground truth lists."
        ) from error
    return {
        "image_id": record["image_id"],
        "category_id": record["category_id"],
        "segmentation": rle,
        "bbox": record.get("bbox") or _xywh(rle_boxes([rle])[0].tolist()),
        "score": float(record["score"]),
    }


def _xywh(box: Sequence[float]) -> list[float]:
    """Convert a box to COCO's form."""
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
        iou_type: "segm" compares masks, "bbox" boxes.
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
                for place, instance in enumerate(with_open_images(truth).instances, 1)
            ],
        }
    )


def _voc_figures(records: Sequence[Mapping[str, Any]], truth: InstanceSet) -> dict[str, float]:
    """VOC's AP at each threshold, mean over the categories that have ground truth."""
    groups = _group_by_category(records, truth)
    as_masks = [[_masks_of(*pair) for pair in pairs] for pairs in groups]
    as_boxes = [[_boxes_of(*pair) for pair in pairs] for pairs in groups]
    figures = {}
    for threshold in VOC_THRESHOLDS:
        masks = [category_average_precision(images, threshold) for images in as_masks]
        boxes = [category_average_precision(images, threshold) for images in as_boxes]
        figures[f"voc_ap{threshold * 100:.0f}"] = _mean_of(masks)
        figures[f"voc_box_ap{threshold * 100:.0f}"] = _mean_of(boxes)
    return figures


def _mean_of(precisions: Sequence[float]) -> float:
    return float(np.mean(precisions)) if precisions else float("nan")


_Pair = tuple[list[Mapping[str, Any]], list[Instance]]
"""Predictions and true instances of one category on one image."""


def _group_by_category(
    records: Sequence[Mapping[str, Any]], truth: InstanceSet
) -> list[list[_Pair]]:
    """Per category with ground truth, predictions and truth of each image that has any."""
    predicted: dict[tuple[int, int], list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        predicted[record["category_id"], record["image_id"]].append(record)
    present: dict[tuple[int, int], list[Instance]] = defaultdict(list)
    for instance in with_open_images(truth).instances:
        present[instance.category_id, instance.image_id].append(instance)
    grouped: dict[int, list[_Pair]] = defaultdict(list)
    for key in sorted(predicted.keys() | present.keys()):
        grouped[key[0]].append((predicted[key], present[key]))
    return [
        pairs
        for pairs in grouped.values()
        if any(not instance.is_crowd for _, instances in pairs for instance in instances)
    ]


def _masks_of(found: Sequence[Mapping[str, Any]], instances: Sequence[Instance]) -> ImageMasks:
    return ImageMasks(
        [record["segmentation"] for record in found],
        np.array([record["score"] for record in found]),
        [instance.rle() for instance in instances if not instance.is_crowd],
        [instance.rle() for instance in instances if instance.is_crowd],
    )


def _boxes_of(found: Sequence[Mapping[str, Any]], instances: Sequence[Instance]) -> ImageBoxes:
    boxes = np.array([record["bbox"] for record in found], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    gt_boxes, crowd_boxes = (
        np.array([i.box for i in instances if i.is_crowd is is_crowd], float).reshape(-1, 4)
        for is_crowd in (False, True)
    )
    scores = np.array([record["score"] for record in found])
    return ImageBoxes(boxes, scores, gt_boxes, crowd_boxes)
