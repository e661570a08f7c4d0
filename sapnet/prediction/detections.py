"""Detections that draw and save themselves, and their making from predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import supervision as sv
from PIL import Image

from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes
from sapnet.prediction.drawing import draw_instances

if TYPE_CHECKING:
    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import FoundObjects, Predictions

PICTURE_QUALITY = 90
"""JPEG quality of saved pictures, 1 to 95."""


class Detections(sv.Detections):  # type: ignore[misc]  # untyped for mypy
    """Instances of one image: `supervision.Detections` with `plot` and `save`.

    Everything of supervision works as usual; a subset such as `detections[detections.confidence >
    0.5]` is of this class, too.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, the image; None where it is not known.
        draw_threshold: least score of an instance that `plot` draws.
    """

    pixels: np.ndarray | None = None
    draw_threshold: float = 0.0

    @classmethod
    def of(
        cls, detections: sv.Detections, pixels: np.ndarray | None, draw_threshold: float = 0.0
    ) -> Self:
        """Add the image to detections.

        Args:
            detections: instances of one image.
            pixels: (H, W, 3) uint8 RGB, the image, or None.
            draw_threshold: least score of an instance that `plot` draws.
        """
        made: Self = cls(**{f.name: getattr(detections, f.name) for f in fields(sv.Detections)})
        made.pixels, made.draw_threshold = pixels, draw_threshold
        return made

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401  # as in supervision
        """Return a subset, or for a name the values of `data`.

        A subset was chosen on purpose: its `plot` draws all of it.
        """
        found = super().__getitem__(index)
        return type(self).of(found, self.pixels) if isinstance(found, sv.Detections) else found

    def plot(self, draw_threshold: float | None = None) -> Image.Image:
        """Draw masks, names and scores on the image.

        Args:
            draw_threshold: least score of an instance that is drawn; None for the detections' own.

        Returns:
            An RGB picture of Pillow: notebooks show it, `np.asarray` gives (H, W, 3) uint8.

        Raises:
            ValueError: the image is not known.
        """
        if self.pixels is None:
            raise ValueError(
                "these detections carry no image to draw on; draw them with the annotators of "
                "supervision, or give them one with Detections.of(detections, pixels)"
            )
        least = self.draw_threshold if draw_threshold is None else draw_threshold
        drawn = self if self.confidence is None else self[self.confidence >= least]
        return Image.fromarray(draw_instances(self.pixels, drawn, _texts(drawn)))

    def save(self, path: Path | str, draw_threshold: float | None = None) -> Path:
        """Write the picture of `plot` to a file; missing folders are made.

        Args:
            path: the file; its ending names the format, such as .jpg or .png.
            draw_threshold: least score of an instance that is drawn; None for the detections' own.

        Returns:
            The path.

        Raises:
            ValueError: the image is not known, or Pillow does not know the ending.
        """
        picture, path = self.plot(draw_threshold), Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=PICTURE_QUALITY)
        return path


def to_detections(
    predictions: Predictions,
    categories: Sequence[Category],
    score_threshold: float = 0.0,
) -> Detections:
    """Convert the predictions of one image to detections.

    Args:
        predictions: of one image.
        categories: C, by label.
        score_threshold: least score of an instance that is kept.

    Returns:
        P detections, best first: boxes, masks (P, H, W), confidence, `class_id` as index into the
        categories, and `class_name` and `category_id` in `data`.
    """
    keep = (predictions.scores >= score_threshold).cpu()
    masks = predictions.masks.cpu()[keep].numpy()
    labels = predictions.labels.cpu()[keep].numpy()
    scores = predictions.scores.cpu()[keep].numpy()
    return _detections(masks, rle_boxes(encode_masks(masks)), labels, scores, categories)


def detections_of_objects(
    objects: FoundObjects, size: tuple[int, int], categories: Sequence[Category]
) -> Detections:
    """Convert the objects of one image to detections.

    Args:
        objects: P objects.
        size: (height, width) of the image.
        categories: C, by label.

    Returns:
        As `to_detections`.
    """
    masks = decode_masks(objects.rles).astype(bool) if objects.rles else np.zeros((0, *size), bool)
    labels, scores = np.array(objects.labels, np.int64), np.array(objects.scores, np.float32)
    return _detections(masks, rle_boxes(objects.rles), labels, scores, categories)


def _detections(
    masks: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    categories: Sequence[Category],
) -> Detections:
    names = np.array([category.name for category in categories])
    ids = np.array([category.category_id for category in categories])
    return Detections(
        xyxy=boxes,
        mask=masks,
        confidence=scores,
        class_id=labels,
        data={"class_name": names[labels], "category_id": ids[labels]},
    )


def _texts(detections: sv.Detections) -> list[str]:
    """Return "name score" for each detection, or what is known of the two."""
    count = len(detections)
    names = detections.data.get("class_name", [""] * count)
    scores = detections.confidence
    shown = [""] * count if scores is None else [f"{score:.2f}" for score in scores]
    return [f"{name} {score}".strip() for name, score in zip(names, shown, strict=True)]
