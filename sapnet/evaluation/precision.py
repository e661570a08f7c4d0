"""Precision over recall of predicted masks, and average precision by category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.evaluation.predictions import run_coco

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet


@dataclass(frozen=True)
class PrecisionCurves:
    """COCO's interpolated precision of masks of all sizes, at most 100 an image.

    Attributes:
        ious: (T,) thresholds, 0.50 to 0.95.
        recalls: (R,) from 0 to 1.
        category_ids: C categories, ascending.
        precision: (T, R, C) in [0, 1]; NaN for categories without ground truth.
    """

    ious: np.ndarray
    recalls: np.ndarray
    category_ids: tuple[int, ...]
    precision: np.ndarray

    def mean_curve(self, iou: float | None = None) -> np.ndarray:
        """Return the precision (R,), mean over the categories.

        Args:
            iou: one of the thresholds; the mean of all if None.
        """
        chosen = self.precision if iou is None else self.precision[np.isclose(self.ious, iou)]
        return np.array([_mean(values) for values in chosen.transpose(1, 0, 2)])

    def average_precision(self, category_id: int, iou: float | None = None) -> float:
        """AP of one category; NaN without ground truth.

        Args:
            category_id: id of the category.
            iou: one of the thresholds; the mean of all if None.
        """
        chosen = self.precision if iou is None else self.precision[np.isclose(self.ious, iou)]
        return _mean(chosen[:, :, self.category_ids.index(category_id)])


def precision_curves(records: Sequence[Mapping[str, Any]], truth: InstanceSet) -> PrecisionCurves:
    """Run COCO's evaluation of masks.

    Args:
        records: from `read_results`.
        truth: the objects of the same images.
    """
    evaluator = run_coco(records, truth, "segm")
    settings = evaluator.params
    # (T, R, C, size groups, most predictions); the first group is all sizes, the last limit 100.
    precision = np.asarray(evaluator.eval["precision"], np.float64)[:, :, :, 0, -1]
    return PrecisionCurves(
        ious=np.asarray(settings.iouThrs),
        recalls=np.asarray(settings.recThrs),
        category_ids=tuple(int(category_id) for category_id in settings.catIds),
        precision=np.where(precision < 0, np.nan, precision),
    )


def _mean(values: np.ndarray) -> float:
    """Compute the mean of the values that are not NaN; NaN without any."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
