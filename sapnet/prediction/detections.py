"""What one image goes in as and what its instances come out as: arrays in, detections out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.images import load_image
from sapnet.geometry.rle import encode_masks, rle_boxes

if TYPE_CHECKING:
    import supervision as sv

    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import Predictions


def read_pixels(image: str | Path | np.ndarray) -> np.ndarray:
    """The pixels of a file or array.

    Args:
        image: a file, or (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        ValueError: the array is no RGB image, or the file cannot be read.
    """
    pixels = image if isinstance(image, np.ndarray) else load_image(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"expected an image (height, width, 3) of uint8 RGB, found {pixels.shape} of "
            f"{pixels.dtype}"
        )
    return pixels


def to_detections(
    predictions: Predictions, categories: Sequence[Category], score_threshold: float = 0.0
) -> sv.Detections:
    """Predictions as supervision's detections.

    Args:
        predictions: of one image.
        categories: C, by label.
        score_threshold: least score of an instance that is kept.

    Returns:
        P detections, best first: boxes, masks (P, H, W), confidence, `class_id` as index into the
        categories, and `class_name` and `category_id` in `data`.
    """
    import supervision as sv

    keep = (predictions.scores >= score_threshold).cpu()
    masks = predictions.masks.cpu()[keep].numpy()
    labels = predictions.labels.cpu()[keep].numpy()
    names = np.array([category.name for category in categories])
    ids = np.array([category.category_id for category in categories])
    return sv.Detections(
        xyxy=rle_boxes(encode_masks(masks)),
        mask=masks,
        confidence=predictions.scores.cpu()[keep].numpy(),
        class_id=labels,
        data={"class_name": names[labels], "category_id": ids[labels]},
    )
