"""Measurements of region candidates."""

import numpy as np
import pytest

from sapnet.proposals.regions.features import (
    QUALITY_FEATURES,
    CandidateView,
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
