"""Pictures of predictions, beside the image and, if known, its ground truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.data.coco_json import label_of_category
from sapnet.geometry.rle import decode_masks, rle_boxes, to_rle
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.drawing import draw_outlines, draw_predictions
from sapnet.report.contents import PredictionRow
from sapnet.report.pictures import encode_jpeg, resize_image, resize_masks, scaled_size
from sapnet.report.reading import ReadingOptions

if TYPE_CHECKING:
    import supervision as sv

    from sapnet.data.coco import InstanceSet
    from sapnet.structures.clicks import RLE, Category


@dataclass(frozen=True)
class PredictionGalleryInputs:
    """Sources of the pictures of predictions.

    Attributes:
        records: COCO results; their images are identified by `file_name`, else by `image_id`.
        images: folder of the images.
        categories: categories of the predictions.
        truth: ground truth of the same images, None if unknown.
        num_images: number of images shown, evenly spread over the data set.
        min_score: least score of predictions that are drawn.
        side: longer side of the pictures in pixels.
        reading: how images are read.
    """

    records: Sequence[Mapping[str, Any]]
    images: Path
    categories: Sequence[Category]
    truth: InstanceSet | None = None
    num_images: int = 8
    min_score: float = PredictionConfig.draw_threshold
    side: int = 400
    reading: ReadingOptions = field(default_factory=ReadingOptions)


@dataclass(frozen=True)
class _Shown:
    """An image to show: file, predictions, and ground-truth masks (None if unknown)."""

    file_name: str
    records: Sequence[Mapping[str, Any]]
    gt_rles: Sequence[RLE] | None


def build_prediction_gallery(inputs: PredictionGalleryInputs) -> tuple[PredictionRow, ...]:
    """Draw the predictions on some images.

    Args:
        inputs: records, images and the number of images to show.

    Returns:
        One row per image shown.

    Raises:
        UnusableImageError: an image cannot be used, and `reading` leaves none out.
    """
    shown = _from_records(inputs) if inputs.truth is None else _from_truth(inputs, inputs.truth)
    count = min(inputs.num_images, len(shown))
    places = np.linspace(0, len(shown), count, endpoint=False).astype(int)
    rows = [_draw_image(inputs, shown[place]) for place in places]
    return tuple(row for row in rows if row is not None)


def _from_truth(inputs: PredictionGalleryInputs, truth: InstanceSet) -> list[_Shown]:
    """Return all images of the ground truth, including those without predictions."""
    records: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for record in inputs.records:
        records[record["image_id"]].append(record)
    instances = truth.instances_by_image()
    return [
        _Shown(
            image.file_name,
            records[image.image_id],
            [i.rle() for i in instances[image.image_id] if not i.is_crowd],
        )
        for image in truth.images
    ]


def _from_records(inputs: PredictionGalleryInputs) -> list[_Shown]:
    """Return the images that have predictions, by the file names in the records."""
    records: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in inputs.records:
        if "file_name" in record:
            records[str(record["file_name"])].append(record)
    return [_Shown(name, found, None) for name, found in sorted(records.items())]


def _draw_image(inputs: PredictionGalleryInputs, shown: _Shown) -> PredictionRow | None:
    masks = [*(shown.gt_rles or ()), *(record["segmentation"] for record in shown.records)]
    size_of_masks = next((tuple(m["size"]) for m in masks if isinstance(m, Mapping)), None)
    pixels = inputs.reading.read(inputs.images, shown.file_name, size_of_masks)
    if pixels is None:
        return None
    size = scaled_size(pixels.shape[1], pixels.shape[0], inputs.side)
    image = resize_image(pixels, size)
    found = [record for record in shown.records if record["score"] >= inputs.min_score]
    detections = _to_detections(found, pixels.shape[:2], inputs.categories, size)
    truth = None
    if shown.gt_rles is not None:
        truth = encode_jpeg(draw_outlines(image, resize_masks(decode_masks(shown.gt_rles), size)))
    names = [category.name for category in inputs.categories]
    return PredictionRow(
        file_name=shown.file_name,
        num_truth=None if shown.gt_rles is None else len(shown.gt_rles),
        num_predictions=len(found),
        min_score=inputs.min_score,
        original=encode_jpeg(image),
        truth=truth,
        predictions=encode_jpeg(draw_predictions(image, detections, names)),
    )


def _to_detections(
    found: Sequence[Mapping[str, Any]],
    original_size: tuple[int, ...],
    categories: Sequence[Category],
    size: tuple[int, int],
) -> sv.Detections:
    """Convert COCO results of one image to detections at another size.

    Args:
        found: results of the image.
        original_size: (height, width) of the image.
        categories: categories of the predictions.
        size: (width, height) of the picture.
    """
    import supervision as sv

    height, width = original_size
    rles = [to_rle(entry["segmentation"], height, width) for entry in found]
    scale = np.tile(np.array(size) / (width, height), 2)
    label_of_id = label_of_category(categories)
    return sv.Detections(
        xyxy=rle_boxes(rles) * scale,
        mask=resize_masks(decode_masks(rles), size),
        class_id=np.array([label_of_id[entry["category_id"]] for entry in found], int),
        confidence=np.array([entry["score"] for entry in found], float),
    )
