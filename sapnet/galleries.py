"""Pictures for the report: labels with their candidates, and predictions beside ground truth."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sapnet.data.coco import Instance
from sapnet.data.coco_json import label_of_category
from sapnet.data.images import load_image
from sapnet.drawing import CandidateTiles, draw_candidates, draw_outlines, draw_predictions
from sapnet.evaluation.label_file import Candidates, Label, load_labels
from sapnet.evaluation.labels import label_iou
from sapnet.evaluation.truth import objects_by_id, open_truth
from sapnet.geometry.rle import decode_masks, rle_boxes, rle_iou, to_rle

if TYPE_CHECKING:
    import supervision as sv

    from sapnet.structures import Category, ImageRecord

JPEG_QUALITY = 80


@dataclass(frozen=True)
class LabelGalleryInputs:
    """Where the pictures of labels come from.

    Attributes:
        labels: a file written by `sapnet label`, with candidates if they are to be shown.
        truth: COCO instance json of the same objects.
        images: folder of the images.
        num_objects: objects per section.
        max_candidates: the candidates with the best selection scores that are shown.
        seed: of the random section.
    """

    labels: Path
    truth: Path
    images: Path
    num_objects: int = 6
    max_candidates: int = 10
    seed: int = 0


@dataclass(frozen=True)
class CandidatePicture:
    """One candidate: JPEG, its IoU with the ground truth, and its scores where they are known."""

    jpeg: bytes
    iou: float
    own_score: float | None
    selection_score: float | None
    is_chosen: bool


@dataclass(frozen=True)
class LabelRow:
    """One labelled object; all pictures are JPEG."""

    annotation_id: int
    category: str
    file_name: str
    iou: float
    click: bytes
    candidates: tuple[CandidatePicture, ...]
    num_hidden: int
    truth: bytes


@dataclass(frozen=True)
class LabelSection:
    """Some labels under a heading."""

    title: str
    rows: tuple[LabelRow, ...]


@dataclass(frozen=True)
class PredictionGalleryInputs:
    """Where the pictures of predictions come from.

    Attributes:
        predictions: COCO results json.
        truth: COCO instance json of the same images.
        images: folder of the images.
        num_images: how many are shown, evenly spread over the data set.
        min_score: predictions below are not drawn.
        side: longer side of the pictures in pixels.
    """

    predictions: Path
    truth: Path
    images: Path
    num_images: int = 8
    min_score: float = 0.3
    side: int = 400


@dataclass(frozen=True)
class PredictionRow:
    """One image: JPEG of the original, with the ground truth, and with the predictions."""

    file_name: str
    num_truth: int
    num_predictions: int
    min_score: float
    original: bytes
    truth: bytes
    predictions: bytes


def build_label_gallery(inputs: LabelGalleryInputs) -> tuple[LabelSection, ...]:
    """The best, the worst and some random labels by IoU with the ground truth.

    Args:
        inputs: files and how much to show.

    Returns:
        The sections that have rows; an object is in one of them only.
    """
    truth = open_truth(inputs.truth)
    objects, labels = objects_by_id(truth), load_labels(inputs.labels).labels
    ids = [annotation_id for annotation_id in labels if annotation_id in objects]
    ious = np.array([label_iou(labels[key], objects[key].rle()) for key in ids])
    ranking = [ids[index] for index in np.argsort(-ious, kind="stable")]
    count = min(inputs.num_objects, -(-len(ids) // 3))
    best, worst, others = ranking[:count], ranking[count:][::-1][:count], ranking[count:-count]
    generator = np.random.default_rng(inputs.seed)
    chosen = generator.permutation(len(others))[: inputs.num_objects]
    sections = {"Best": best, "Worst": worst, "Random": [others[index] for index in chosen]}
    names = {category.category_id: category.name for category in truth.categories}
    return tuple(
        LabelSection(
            title,
            tuple(
                _draw_label(inputs, labels[key], objects[key], names[objects[key].category_id])
                for key in keys
            ),
        )
        for title, keys in sections.items()
        if keys
    )


def build_prediction_gallery(inputs: PredictionGalleryInputs) -> tuple[PredictionRow, ...]:
    """Predictions on some images, beside the image and its ground truth.

    Args:
        inputs: files and how much to show.

    Returns:
        One row per image shown.
    """
    truth = open_truth(inputs.truth)
    instances = truth.instances_by_image()
    records: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for record in json.loads(inputs.predictions.read_text(encoding="utf-8")):
        if record["score"] >= inputs.min_score:
            records[record["image_id"]].append(record)
    num_images = min(inputs.num_images, len(truth.images))
    shown = np.linspace(0, len(truth.images), num_images, endpoint=False).astype(int)
    return tuple(
        _draw_image(
            inputs, image, truth.categories, instances[image.image_id], records[image.image_id]
        )
        for image in (truth.images[index] for index in shown)
    )


def _draw_label(
    inputs: LabelGalleryInputs, label: Label, instance: Instance, category: str
) -> LabelRow:
    gt_rle = instance.rle()
    found = label.candidates or Candidates((label.rle,), (label.score,), (float("nan"),))
    chosen = _chosen_index(label, found)
    ranking = np.argsort(-np.array(found.scores), kind="stable")
    others = ranking[ranking != chosen][: inputs.max_candidates - 1]
    order = ranking[np.isin(ranking, [chosen, *others])]
    tiles = draw_candidates(
        load_image(inputs.images / instance.image.file_name),
        decode_masks([found.rles[index] for index in order]).astype(bool),
        decode_masks([gt_rle])[0].astype(bool),
        label.point,
    )
    ious = rle_iou(found.rles, [gt_rle])[:, 0]
    return LabelRow(
        annotation_id=label.annotation_id,
        category=category,
        file_name=instance.image.file_name,
        iou=label_iou(label, gt_rle),
        click=encode_jpeg(tiles.click),
        candidates=tuple(
            CandidatePicture(
                jpeg=encode_jpeg(picture),
                iou=float(ious[index]),
                own_score=found.own_scores[index] if label.candidates else None,
                selection_score=found.scores[index],
                is_chosen=bool(index == chosen),
            )
            for index, picture in zip(order, tiles.candidates, strict=True)
        ),
        num_hidden=len(found.rles) - len(order),
        truth=encode_jpeg(_truth_tile(tiles)),
    )


def _chosen_index(label: Label, found: Candidates) -> int:
    """The candidate that is the label; of equal ones that with the best score, -1 if none is."""
    equal = [index for index, rle in enumerate(found.rles) if rle == label.rle]
    return max(equal, key=lambda index: found.scores[index], default=-1)


def _truth_tile(tiles: CandidateTiles) -> np.ndarray:
    return tiles.click if tiles.truth is None else tiles.truth


def _draw_image(
    inputs: PredictionGalleryInputs,
    record: ImageRecord,
    categories: Sequence[Category],
    instances: Sequence[Instance],
    found: Sequence[Mapping[str, Any]],
) -> PredictionRow:
    size = _scaled_size(record.width, record.height, inputs.side)
    image = _resize(load_image(inputs.images / record.file_name), size)
    gt_rles = [instance.rle() for instance in instances if not instance.is_crowd]
    gt_masks = _resize_masks(decode_masks(gt_rles), size)
    detections = _to_detections(found, record, categories, size)
    names = [category.name for category in categories]
    return PredictionRow(
        file_name=record.file_name,
        num_truth=len(gt_rles),
        num_predictions=len(found),
        min_score=inputs.min_score,
        original=encode_jpeg(image),
        truth=encode_jpeg(draw_outlines(image, gt_masks)),
        predictions=encode_jpeg(draw_predictions(image, detections, names)),
    )


def _to_detections(
    found: Sequence[Mapping[str, Any]],
    record: ImageRecord,
    categories: Sequence[Category],
    size: tuple[int, int],
) -> sv.Detections:
    """COCO results of one image, resized to (width, height) `size`."""
    import supervision as sv

    rles = [to_rle(entry["segmentation"], record.height, record.width) for entry in found]
    scale = np.tile(np.array(size) / (record.width, record.height), 2)
    label_of_id = label_of_category(categories)
    return sv.Detections(
        xyxy=rle_boxes(rles) * scale,
        mask=_resize_masks(decode_masks(rles), size),
        class_id=np.array([label_of_id[entry["category_id"]] for entry in found], int),
        confidence=np.array([entry["score"] for entry in found], float),
    )


def encode_jpeg(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 RGB as JPEG."""
    file = BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return file.getvalue()


def _scaled_size(width: int, height: int, side: int) -> tuple[int, int]:
    """(width, height) with the longer one equal to `side`."""
    scale = side / max(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def _resize_masks(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(K, H, W) 0/1 to (K, height, width) bool."""
    if len(masks) == 0:
        return np.zeros((0, size[1], size[0]), bool)
    pictures = [Image.fromarray(mask * np.uint8(255)) for mask in masks]
    return np.stack([np.asarray(p.resize(size, Image.Resampling.BILINEAR)) > 127 for p in pictures])
