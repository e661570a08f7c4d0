import numpy as np
import pytest

from sapnet.data.matching.by_click import Rivals, count_strays, match_by_click
from sapnet.data.matching.objects import NumberedObject
from sapnet.geometry.rle import decode_masks, encode_masks, rles_hold_points
from sapnet.structures.clicks import RLE


def rle(x1: int, y1: int, x2: int, y2: int) -> RLE:
    mask = np.zeros((10, 20), bool)
    mask[y1:y2, x1:x2] = True
    return encode_masks(mask[None])[0]


def clicked(**points: tuple[float, float]) -> list[NumberedObject]:
    return [NumberedObject(int(key[1:]), 1, 1, point) for key, point in points.items()]


def test_a_nested_object_goes_to_the_click_that_can_be_nothing_else() -> None:
    outer, inner = rle(0, 0, 10, 10), rle(2, 2, 6, 6)
    group = Rivals(clicked(n7=(3.5, 3.5), n8=(8.5, 8.5)), [1, 2], [outer, inner])
    assert match_by_click([group]) == {8: 1, 7: 2}
    both_inside = Rivals(clicked(n7=(3.5, 3.5), n8=(4.5, 4.5)), [1, 2], [outer, inner])
    assert match_by_click([both_inside]) is None


def test_a_lone_object_whose_id_agrees_needs_no_mask() -> None:
    assert match_by_click([Rivals(clicked(n7=(3.5, 3.5)), [7], [])]) == {7: 7}
    assert match_by_click([Rivals(clicked(n7=(3.5, 3.5)), [], [])]) is None


def test_strays_lie_in_another_object_and_not_in_their_own() -> None:
    left, right = rle(0, 0, 5, 5), rle(10, 0, 15, 5)
    group = Rivals(clicked(n1=(12.5, 2.5), n2=(11.5, 1.5), n9=(1.5, 1.5)), [1, 2], [left, right])
    assert count_strays([group]) == 1
    assert count_strays([Rivals(clicked(n1=(18.5, 8.5)), [1, 2], [left, right])]) == 0


def test_points_in_masks_are_those_of_the_pixels() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((5, 10, 20)) < 0.4
    masks[3] = False
    points = rng.uniform(0, (20, 10), (50, 2))
    points[0], points[1], points[2] = (20, 10), (np.nan, np.nan), (0, 0)
    rles = encode_masks(masks)
    columns = np.clip(np.nan_to_num(points[:, 0]).astype(int), 0, 19)
    rows = np.clip(np.nan_to_num(points[:, 1]).astype(int), 0, 9)
    expected = decode_masks(rles)[:, rows, columns].astype(bool)
    expected[:, 1] = False
    np.testing.assert_array_equal(rles_hold_points(rles, points), expected)


@pytest.mark.parametrize("count", [0, 2])
def test_no_mask_and_no_point(count: int) -> None:
    assert rles_hold_points([], np.zeros((count, 2))).shape == (0, count)
    assert rles_hold_points([rle(0, 0, 1, 1)] * count, np.zeros((0, 2))).shape == (count, 0)
    empty = encode_masks(np.zeros((1, 10, 20), bool))
    assert not rles_hold_points(empty, np.ones((3, 2))).any()
