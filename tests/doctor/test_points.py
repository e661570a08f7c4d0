import numpy as np
import pytest

from sapnet.doctor.points import PointTable, check_corners, check_frame, check_near_clicks
from sapnet.structures.clicks import Click, ImageRecord


def _table(xy: np.ndarray, width: int = 640, height: int = 480) -> PointTable:
    return PointTable(tuple(range(len(xy))), xy, np.tile((width, height), (len(xy), 1)))


def _random(count: int, width: float = 640, height: float = 480, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 2)) * (width, height)


def _kinds(table: PointTable) -> list[str]:
    return [finding.kind for finding in check_frame(table)]


@pytest.mark.parametrize("seed", range(5))
def test_clicks_all_over_the_image_are_fine(seed: int) -> None:
    assert _kinds(_table(_random(200, seed=seed))) == []
    assert _kinds(_table(_random(1, seed=seed))) == []
    assert _kinds(_table(np.zeros((0, 2)))) == []


def test_swapped_coordinates() -> None:
    swapped = _random(100)[:, ::-1]
    assert _kinds(_table(swapped)) == ["x and y swapped?"]


def test_points_outside_for_other_reasons_are_not_swapped() -> None:
    points = _random(100)
    points[:10] += (640, 480)
    assert _kinds(_table(points)) == []
    # A square image cannot tell.
    assert _kinds(_table(_random(100, 480, 480)[:, ::-1], 480, 480)) == []


def test_two_points_outside_are_no_pattern() -> None:
    points = np.array([[10.0, 600.0], [20.0, 630.0], [30.0, 30.0]])
    assert _kinds(_table(points)) == []


def test_fractions_and_percent() -> None:
    assert _kinds(_table(_random(3, 1, 1))) == ["fractions instead of pixels?"]
    assert _kinds(_table(_random(60, 100, 100))) == ["percent instead of pixels?"]


def test_clicks_of_small_images_may_be_small() -> None:
    assert _kinds(_table(_random(60, 100, 100), 110, 105)) == []
    # Three clicks in a corner are no proof: 1 in 30 000.
    assert _kinds(_table(_random(3, 100, 100))) == []


def test_corner() -> None:
    found = list(check_corners(_table(np.array([[0.0, 0.0], [0.0, 5.0]]))))
    assert [finding.annotation_id for finding in found] == [0]


def _click(annotation_id: int, *points: tuple[float, float], category: int = 1) -> Click:
    return Click(annotation_id, 1, category, points)


def test_near_clicks() -> None:
    image = ImageRecord(1, "a.jpg", 640, 480)  # diagonal 800: near is 3.2 px
    clicks = [
        _click(1, (100, 100)),
        _click(2, (103, 100)),
        _click(3, (100, 96.5)),
        _click(4, (300, 300), (300, 301)),  # two clicks of one object
        _click(5, (500, 300)),
        _click(6, (500, 300), category=2),
    ]

    found = list(check_near_clicks(clicks, {1: image}))

    assert [(finding.kind, finding.annotation_id) for finding in found] == [
        ("object clicked twice?", 2),
        ("one place, two categories", 6),
    ]
    assert "object 1 of the same category" in found[0].message
    assert list(check_near_clicks([], {1: image})) == []
