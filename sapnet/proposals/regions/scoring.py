"""Quality of the candidates of a click, and the choice of the few to keep.

The quality of a candidate is a linear function of some measurements and a few of their products,
fitted to its IoU with the object. Softened qualities are read as the probability that the object
looks like this candidate. The kept candidates are those with the highest expected overlap of the
best one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sapnet.proposals.regions.features import QUALITY_FEATURES


def predict_quality(features: np.ndarray, coefficients: Mapping[str, float]) -> np.ndarray:
    """Return the expected IoU of each candidate with its object.

    Args:
        features: (P, F) float64, the columns `QUALITY_FEATURES`.
        coefficients: by the name of a feature, or "a*b" for the product of two.

    Returns:
        (P,) float64 in [0, 1].
    """
    columns = expand_features(features, tuple(coefficients))
    # On images unlike photographs, such as drawings, the products could give any number.
    return np.asarray(np.clip(columns @ np.array([*coefficients.values()]), 0.0, 1.0))


def expand_features(features: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return (P, len(names)) columns of features, or of products of two for names "a*b"."""
    index = {name: i for i, name in enumerate(QUALITY_FEATURES)}
    columns = [features[:, [index[part] for part in name.split("*")]] for name in names]
    return np.stack([column.prod(axis=1) for column in columns], axis=1)


def choose_candidates(
    iou: np.ndarray, quality: np.ndarray, count: int, sharpness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the candidates with the highest expected IoU of the best one.

    This greedily maximizes the expected best IoU, a submodular function: the gain of one more
    candidate shrinks with those already kept, so near-duplicates are passed over.

    Args:
        iou: (P, P) IoU of each two candidates, P >= 1.
        quality: (P,) predicted IoU with the object.
        count: number of candidates to keep; fewer are kept if P is smaller.
        sharpness: the object looks like a candidate with a probability proportional to
            exp(sharpness * quality).

    Returns:
        Indices of the kept candidates, in the order of choice, and their expected IoU with the
        object.
    """
    weight = np.exp(sharpness * (quality - quality.max()))
    weight = weight / weight.sum()
    expected = iou @ weight
    best = np.zeros(len(quality))
    chosen: list[int] = []
    for _ in range(min(count, len(quality))):
        gain = np.maximum(iou - best, 0.0) @ weight
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
        best = np.maximum(best, iou[chosen[-1]])
    return np.asarray(chosen), expected[chosen]
