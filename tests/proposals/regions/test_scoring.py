"""Judging and choosing region candidates."""

import numpy as np

from sapnet.proposals.regions.features import QUALITY_FEATURES
from sapnet.proposals.regions.scoring import (
    choose_candidates,
    expand_features,
    predict_quality,
)


def test_products_of_features() -> None:
    features = np.arange(2.0 * len(QUALITY_FEATURES)).reshape(2, -1)
    first, second = QUALITY_FEATURES[1], QUALITY_FEATURES[2]

    expanded = expand_features(features, (second, f"{first}*{second}", f"{first}*{first}"))

    a, b = features[:, 1], features[:, 2]
    np.testing.assert_allclose(expanded, np.stack([b, a * b, a * a], axis=1))


def test_quality_is_a_clipped_sum() -> None:
    features = np.zeros((3, len(QUALITY_FEATURES)))
    features[:, 0] = 1.0
    features[:, 1] = [0.5, 10.0, -10.0]

    quality = predict_quality(features, {"constant": 0.25, QUALITY_FEATURES[1]: 0.5})

    np.testing.assert_allclose(quality, [0.5, 1.0, 0.0])


def test_near_equals_are_passed_over() -> None:
    # 0 and 1 are near equals and look best, 2 is another shape.
    iou = np.array([[1.0, 0.95, 0.1], [0.95, 1.0, 0.1], [0.1, 0.1, 1.0]])

    chosen, scores = choose_candidates(iou, np.array([0.6, 0.6, 0.5]), 2, 0.0)

    assert chosen.tolist() == [0, 2]
    np.testing.assert_allclose(scores, [2.05 / 3, 1.2 / 3])


def test_chooses_what_raises_the_expected_best_iou_most() -> None:
    generator = np.random.default_rng(0)
    half = generator.random((12, 12))
    iou = np.clip(0.5 * (half + half.T), 0, 1)
    np.fill_diagonal(iou, 1.0)
    quality = generator.random(12)
    weight = np.exp(5.0 * quality)
    weight /= weight.sum()

    chosen, scores = choose_candidates(iou, quality, 5, 5.0)

    kept: list[int] = []
    for _ in range(5):
        values = [
            sum(weight[j] * max(iou[k, j] for k in [*kept, i]) for j in range(12))
            if i not in kept
            else -1.0
            for i in range(12)
        ]
        kept.append(int(np.argmax(values)))
    assert chosen.tolist() == kept
    np.testing.assert_allclose(scores, (iou @ weight)[kept])


def test_fewer_candidates_than_asked_for() -> None:
    chosen, scores = choose_candidates(np.ones((1, 1)), np.array([0.3]), 8, 12.0)

    assert chosen.tolist() == [0]
    np.testing.assert_allclose(scores, [1.0])
