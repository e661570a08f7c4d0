"""Pictures of labels: click, candidates, the chosen one, and ground truth if known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.ground_truth import objects_by_id
from sapnet.evaluation.judged import label_iou
from sapnet.evaluation.label_file import Candidates, Label, LabelSet
from sapnet.geometry.rle import decode_masks, rle_iou
from sapnet.prediction.drawing import draw_candidates
from sapnet.report.contents import CandidatePicture, LabelRow, LabelSection
from sapnet.report.pictures import encode_jpeg
from sapnet.report.reading import ReadingOptions
from sapnet.structures.clicks import RLE, ImageRecord

_ORDER = ("Worst", "Most unsure", "Best", "Random")
"""Sections of the gallery as they are shown: what needs a look comes first."""


@dataclass(frozen=True)
class LabelGalleryInputs:
    """Sources of the pictures of labels.

    Attributes:
        labels: labels written by `sapnet label`; their candidates are shown if they have any.
        images: folder of the images.
        truth: ground truth of the same objects, None if unknown.
        num_objects: number of objects per section.
        max_candidates: number of candidates shown, those with the best selection scores.
        seed: seed of the random section.
        reading: how images are read.
    """

    labels: LabelSet
    images: Path
    truth: InstanceSet | None = None
    num_objects: int = 6
    max_candidates: int = 10
    seed: int = 0
    reading: ReadingOptions = field(default_factory=ReadingOptions)


@dataclass(frozen=True)
class _Object:
    """A label with its image, category and ground truth."""

    label: Label
    image: ImageRecord
    category: str
    gt_rle: RLE | None


def build_label_gallery(inputs: LabelGalleryInputs) -> tuple[LabelSection, ...]:
    """Draw the best, the worst, the most uncertain and some random labels.

    Best and worst need ground truth; the most uncertain need labels with an `uncertainty`.

    Args:
        inputs: labels, images and the number of objects to show.

    Returns:
        The sections that have rows; each object is in one section only.

    Raises:
        UnusableImageError: an image cannot be used, and `reading` leaves none out.
    """
    ids, gt_rles = _with_truth(inputs)
    sections = (
        LabelSection(title, _draw_labels(inputs, keys, gt_rles))
        for title, keys in _sort_into_sections(inputs, ids, gt_rles).items()
    )
    return tuple(section for section in sections if section.rows)


def draw_worst_labels(inputs: LabelGalleryInputs) -> tuple[LabelRow, ...]:
    """Draw the labels with the lowest IoU; among equal ones, those with the lowest ids.

    Args:
        inputs: labels, images and ground truth; at most `num_objects` labels are drawn.

    Returns:
        The rows, worst first; none without ground truth.

    Raises:
        UnusableImageError: an image cannot be used, and `reading` leaves none out.
    """
    _, gt_rles = _with_truth(inputs)
    ious = {key: label_iou(inputs.labels.labels[key], rle) for key, rle in gt_rles.items()}
    worst = sorted(ious, key=lambda key: (ious[key], key))[: inputs.num_objects]
    return _draw_labels(inputs, worst, gt_rles)


def _with_truth(inputs: LabelGalleryInputs) -> tuple[list[int], dict[int, RLE]]:
    """Return the ids of the labels that can be shown, and their ground truth by id, if given."""
    ids = _with_images(inputs)
    if inputs.truth is None:
        return ids, {}
    objects = objects_by_id(inputs.truth)
    gt_rles = {key: objects[key].rle() for key in ids if key in objects}
    return list(gt_rles), gt_rles


def _draw_labels(
    inputs: LabelGalleryInputs, ids: Sequence[int], gt_rles: Mapping[int, RLE]
) -> tuple[LabelRow, ...]:
    images = {image.image_id: image for image in inputs.labels.images}
    names = {category.category_id: category.name for category in inputs.labels.categories}
    found = (inputs.labels.labels[key] for key in ids)
    rows = (
        _draw_label(
            inputs,
            _Object(
                label,
                images[label.image_id],
                names[label.category_id],
                gt_rles.get(label.annotation_id),
            ),
        )
        for label in found
    )
    return tuple(row for row in rows if row is not None)


def _with_images(inputs: LabelGalleryInputs) -> list[int]:
    """Return the ids of the labels whose image exists; stop at others, or note them."""
    absent = set()
    for image in inputs.labels.images:
        if not (inputs.images / image.file_name).is_file():
            inputs.reading.read(inputs.images, image.file_name, None)
            absent.add(image.image_id)
    labels = inputs.labels.labels
    return [key for key, label in labels.items() if label.image_id not in absent]


def _sort_into_sections(
    inputs: LabelGalleryInputs, ids: Sequence[int], gt_rles: dict[int, RLE]
) -> dict[str, list[int]]:
    """Return the ids of each section's objects, in display order."""
    labels = inputs.labels.labels
    rest = list(ids)
    sections: dict[str, list[int]] = {}

    def take(title: str, ranking: list[int], count: int) -> None:
        sections[title] = ranking[:count]
        rest[:] = [key for key in rest if key not in sections[title]]

    unsure = [key for key in ids if labels[key].uncertainty is not None]
    parts = 1 + 2 * bool(gt_rles) + bool(unsure)
    count = min(inputs.num_objects, -(-len(ids) // parts))
    if gt_rles:
        ious = {key: label_iou(labels[key], gt_rles[key]) for key in ids}
        take("Best", sorted(rest, key=lambda key: -ious[key]), count)
        take("Worst", sorted(rest[::-1], key=lambda key: ious[key]), count)
    if unsure:
        left = [key for key in rest if labels[key].uncertainty is not None]
        take("Most unsure", sorted(left, key=lambda key: -(labels[key].uncertainty or 0)), count)
    generator = np.random.default_rng(inputs.seed)
    take("Random", [rest[i] for i in generator.permutation(len(rest))], inputs.num_objects)
    return {title: sections[title] for title in _ORDER if title in sections}


def _draw_label(inputs: LabelGalleryInputs, shown: _Object) -> LabelRow | None:
    label, gt_rle = shown.label, shown.gt_rle
    size = label.rle["size"]
    pixels = inputs.reading.read(inputs.images, shown.image.file_name, (size[0], size[1]))
    if pixels is None:
        return None
    found = label.candidates or Candidates((label.rle,), (label.score,), (float("nan"),))
    chosen = _chosen_index(label, found)
    ranking = np.argsort(-np.array(found.scores), kind="stable")
    others = ranking[ranking != chosen][: inputs.max_candidates - 1]
    order = ranking[np.isin(ranking, [chosen, *others])]
    tiles = draw_candidates(
        pixels,
        decode_masks([found.rles[index] for index in order]).astype(bool),
        None if gt_rle is None else decode_masks([gt_rle])[0].astype(bool),
        label.point,
        box=label.refined_box,
    )
    ious = None if gt_rle is None else rle_iou(found.rles, [gt_rle])[:, 0]
    return LabelRow(
        annotation_id=label.annotation_id,
        category=shown.category,
        file_name=shown.image.file_name,
        iou=None if gt_rle is None else label_iou(label, gt_rle),
        uncertainty=label.uncertainty,
        click=encode_jpeg(tiles.click),
        candidates=tuple(
            CandidatePicture(
                jpeg=encode_jpeg(picture),
                iou=None if ious is None else float(ious[index]),
                own_score=found.own_scores[index] if label.candidates else None,
                selection_score=found.scores[index],
                is_chosen=bool(index == chosen),
            )
            for index, picture in zip(order, tiles.candidates, strict=True)
        ),
        num_hidden=len(found.rles) - len(order),
        refined=_jpeg_or_none(tiles.box),
        truth=_jpeg_or_none(tiles.truth),
    )


def _chosen_index(label: Label, found: Candidates) -> int:
    """Return the index of the candidate that is the label, the best-scored one; -1 if none is."""
    equal = [index for index, rle in enumerate(found.rles) if rle == label.rle]
    return max(equal, key=lambda index: found.scores[index], default=-1)


def _jpeg_or_none(picture: np.ndarray | None) -> bytes | None:
    return None if picture is None else encode_jpeg(picture)
