"""Scoring predictions on held-out images during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sapnet.evaluation.predictions import evaluate_predictions
from sapnet.geometry.rle import encode_masks, rle_areas

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.structures.clicks import Category
    from sapnet.structures.outputs import Predictions

LOGGED = ("mask_ap", "mask_ap50", "mask_ap75", "box_ap")
"""Figures of the evaluation that go into the training log."""


class Validation:
    """Predictions against ground truth.

    Args:
        truth: true instances of the held-out images.
        categories: of the model, by label.

    Raises:
        ValueError: the ground truth does not know a category of the model.
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
        """COCO results of some images.

        Args:
            predictions: one an image.
            image_ids: their ids.
        """
        records = []
        for image, image_id in zip(predictions, image_ids, strict=True):
            rles = encode_masks(image.masks.cpu().numpy())
            labels, scores = image.labels.tolist(), image.scores.tolist()
            for rle, area, label, score in zip(rles, rle_areas(rles), labels, scores, strict=True):
                if area:
                    records.append(
                        {
                            "image_id": image_id,
                            "category_id": self._category_ids[label],
                            "segmentation": rle,
                            "score": score,
                        }
                    )
        return records

    def score(self, results: Sequence[dict[str, Any]]) -> dict[str, float]:
        """The logged figures of all results."""
        figures = evaluate_predictions(results, self._truth)
        return {name: figures[name] for name in LOGGED}
