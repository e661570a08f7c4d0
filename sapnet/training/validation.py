"""Validation during training: average precision on held-out images."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sapnet.data.matching.categories import match_categories
from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.prediction.records import result_records
from sapnet.structures.clicks import Category

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.structures.outputs import Predictions

logger = logging.getLogger(__name__)

LOGGED = ("mask_ap", "mask_ap50", "mask_ap75", "box_ap")
"""Metrics of the evaluation that go into the training log."""


class Validation:
    """Comparison of predictions with ground truth.

    Args:
        truth: true instances of the held-out images.
        categories: C categories of the model, by label.

    Raises:
        ValueError: the ground truth does not list a category of the model, or its id has another
            name there.
    """

    def __init__(self, truth: InstanceSet, categories: Sequence[Category]) -> None:
        match = match_categories(categories, truth.categories, "the training data", "--val.truth")
        if match.note:
            logger.warning("%s", match.note)
        self._truth = truth
        self._categories = [Category(match.ids[c.category_id], c.name) for c in categories]

    def encode(
        self, predictions: Sequence[Predictions], image_ids: Sequence[int]
    ) -> list[dict[str, Any]]:
        """Convert predictions to COCO results.

        Args:
            predictions: one per image.
            image_ids: ids of the images.
        """
        records = []
        for image, image_id in zip(predictions, image_ids, strict=True):
            records += result_records(image, self._categories, image_id)
        return records

    def score(self, results: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Compute the logged metrics of all results."""
        figures = evaluate_predictions(results, self._truth)
        return {name: figures[name] for name in LOGGED}
