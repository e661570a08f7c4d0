"""Validation during training: average precision on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.prediction.records import result_records

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import Predictions

LOGGED = ("mask_ap", "mask_ap50", "mask_ap75", "box_ap")
"""Metrics of the evaluation that go into the training log."""


class Validation:
    """Comparison of predictions with ground truth.

    Args:
        truth: true instances of the held-out images.
        categories: C categories of the model, by label.

    Raises:
        ValueError: the ground truth does not list a category of the model.
    """

    def __init__(self, truth: InstanceSet, categories: Sequence[Category]) -> None:
        known = {category.category_id for category in truth.categories}
        unknown = [c for c in categories if c.category_id not in known]
        if unknown:
            names = ", ".join(f"{c.name} ({c.category_id})" for c in unknown[:5])
            raise ValueError(
                f"--val.truth: expected the categories that are trained on, but {len(unknown)} are "
                f"missing: {names}. List them there, objects or not"
            )
        self._truth = truth
        self._category_ids = [category.category_id for category in categories]

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
            records += result_records(image, self._category_ids, image_id)
        return records

    def score(self, results: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Compute the logged metrics of all results."""
        figures = evaluate_predictions(results, self._truth)
        return {name: figures[name] for name in LOGGED}
