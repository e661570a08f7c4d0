"""Judging and choosing region candidates."""

import numpy as np
import pytest

from sapnet.proposals.regions.scoring import (
    QUALITY_FEATURES,
    CandidateView,
    choose_candidates,
    expand_features,
    predict_quality,
    quality_features,
)

SIDE = 10


def view_of(masks: np.ndarray, rivals: tuple[tuple[float, float], ...] = ()) -> CandidateView:
    """A 10 x 10 lattice of equal cells; the left half is black, the right half white."""
    lab = np.zeros((SIDE, SIDE, 3), np.float32)
    lab[:, 5:, 0] = 100.0
    centres = (np.arange(SIDE) + 0.5) / SIDE
    return CandidateView(
        masks=masks,
        areas=np.full((SIDE, SIDE), 0.01),
        x=centres,
        y=centres,
        lab=lab,
        codes=(lab[..., 0] > 0).astype(np.int64),
        segments=(lab[..., 0] > 0).astype(np.int64),
        num_codes=2,
        image_aspect=1.0,
        point=np.array([0.25, 0.55]),
        rival_points=np.array(rivals).reshape(-1, 2),
        kin=np.arange(len(rivals)) == 0,
        certainty=np.zeros(len(masks), np.float32),
        from_image=np.zeros(len(masks), bool),
    )


def column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, QUALITY_FEATURES.index(name)]


def half_and_middle() -> np.ndarray:
    """The left half, and columns 2..7 of it and its neighbour."""
    masks = np.zeros((2, SIDE, SIDE), bool)
    masks[0, :, :5] = True
    masks[1, :, 2:8] = True
    return masks


def test_features_by_hand() -> None:
    iou = np.array([[1.0, 0.375], [0.375, 1.0]])

    features = quality_features(view_of(half_and_middle()), iou)

    assert features.shape == (2, len(QUALITY_FEATURES))
    np.testing.assert_allclose(column(features, "log_area"), np.log([0.5, 0.6]))
    np.testing.assert_allclose(column(features, "agreement"), [0.6875, 0.6875])
    # The left half holds one colour, its surround only the other; the middle holds both.
    assert column(features, "color_separation")[0] == pytest.approx(1.0)
    assert column(features, "color_separation")[1] < 0.6
    # The whole outline of the half lies on the step of 100 = 5 units, none of it inside.
    np.testing.assert_allclose(column(features, "outline_contrast"), [5.0, 0.0])
    assert column(features, "inner_contrast")[0] == 0.0
    assert column(features, "inner_contrast")[1] > 0.0
    # The middle cuts both segments: 0.2 left out on the left, 0.2 on the right, area 0.6.
    np.testing.assert_allclose(column(features, "middle_split"), [0.0, 0.4 / 0.6], atol=1e-5)


def test_rivals_inside_and_room() -> None:
    alone = quality_features(view_of(half_and_middle()), np.eye(2))
    rivals = ((0.75, 0.55), (0.05, 0.05))
    beside = quality_features(view_of(half_and_middle(), rivals), np.eye(2))

    assert column(alone, "rivals_inside").tolist() == [0.0, 0.0]
    assert column(beside, "rivals_inside").tolist() == [1.0, 1.0]
    assert column(beside, "kin_inside").tolist() == [0.0, 1.0]
    nearest = min(0.5, float(np.hypot(0.2, 0.5)))
    expected = np.log(nearest / np.sqrt([0.5, 0.6]))
    np.testing.assert_allclose(column(beside, "rival_room"), expected)
    assert (column(alone, "rival_room") > column(beside, "rival_room")).all()


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
