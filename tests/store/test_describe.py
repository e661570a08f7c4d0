from __future__ import annotations

import numpy as np
import pytest

from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes
from sapnet.store.describe import CLICKED_PIXEL, describe_objects, masks_hold_points
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals


def proposals_of(masks: np.ndarray) -> Proposals:
    rles = encode_masks(masks)
    scores = np.linspace(0.9, 0.1, len(rles), dtype=np.float32)
    return Proposals(rles, rle_boxes(rles), scores, ("point",) * len(rles))


def rectangle(x1: int, y1: int, x2: int, y2: int, size: tuple[int, int] = (20, 30)) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[y1:y2, x1:x2] = 1
    return mask


def test_rivals_are_other_objects_of_the_same_category() -> None:
    clicks = [
        Click(1, 5, 7, ((3.5, 3.5),)),
        Click(2, 5, 7, ((13.5, 3.5),)),  # same category
        Click(3, 5, 8, ((23.5, 3.5),)),  # another one
    ]
    own = rectangle(0, 0, 8, 8)
    with_rival = rectangle(0, 0, 16, 8)
    with_all = rectangle(0, 0, 30, 8)
    bag = proposals_of(np.stack([own, with_rival, with_all]))
    first, second, third = describe_objects(clicks, [bag, bag, bag], (20, 30))
    assert first.holds_rival.tolist() == [False, True, True]
    assert second.holds_rival.tolist() == [True, True, True]
    assert third.holds_rival.tolist() == [False, False, False]
    assert first.holds_rival.dtype == bool


def test_any_point_of_a_rival_counts() -> None:
    clicks = [Click(1, 5, 7, ((3.5, 3.5),)), Click(2, 5, 7, ((25.5, 15.5), (9.5, 3.5)))]
    bag = proposals_of(np.stack([rectangle(0, 0, 10, 8), rectangle(0, 0, 9, 8)]))
    described = describe_objects(clicks, [bag, bag], (20, 30))
    assert described[0].holds_rival.tolist() == [True, False]


def test_mask_crop_of_a_triangle_of_whole_bins() -> None:
    # 14 x 14 pixels, so every bin is 2 x 2; the lower left half is set by whole bins.
    mask = np.zeros((1, 20, 30), np.uint8)
    bins = np.tri(7, dtype=np.uint8)
    mask[0, 3:17, 5:19] = np.kron(bins, np.ones((2, 2), np.uint8))
    click = Click(1, 5, 7, ((6.5, 15.5),))
    (stored,) = describe_objects([click], [proposals_of(mask)], (20, 30))
    assert stored.mask_crops.dtype == np.uint8
    np.testing.assert_array_equal(stored.mask_crops[0], 255 * bins)


def test_empty_masks_are_dropped() -> None:
    masks = np.stack([rectangle(0, 0, 0, 0), rectangle(2, 2, 9, 9)])
    click = Click(1, 5, 7, ((3.5, 3.5),))
    (stored,) = describe_objects([click], [proposals_of(masks)], (20, 30))
    assert len(stored.proposals) == 1
    assert stored.proposals.scores.tolist() == [pytest.approx(0.1)]
    assert stored.proposals.boxes.tolist() == [[2, 2, 9, 9]]


@pytest.mark.parametrize("num_masks", [0, 2])
def test_an_object_without_masks_keeps_the_clicked_pixel(num_masks: int) -> None:
    bag = proposals_of(np.zeros((num_masks, 20, 30), np.uint8))
    (stored,) = describe_objects([Click(1, 5, 7, ((29.9, 4.2),))], [bag], (20, 30))
    assert stored.proposals.prompts == (CLICKED_PIXEL,)
    assert stored.proposals.scores.tolist() == [0]
    np.testing.assert_array_equal(decode_masks(stored.proposals.rles)[0], rectangle(29, 4, 30, 5))


def test_no_clicks() -> None:
    assert describe_objects([], [], (20, 30)) == []


def test_hold_points_equals_a_loop() -> None:
    generator = np.random.default_rng(0)
    masks = generator.integers(0, 2, (5, 12, 9), dtype=np.uint8)
    points = generator.uniform([0, 0], [9, 12], (2, 2))
    expected = [any(mask[int(y), int(x)] for x, y in points) for mask in masks]
    assert masks_hold_points(masks, points).tolist() == expected
    assert masks_hold_points(masks, np.zeros((0, 2))).tolist() == [False] * 5


def test_a_point_on_the_far_edge_belongs_to_the_last_pixel() -> None:
    masks = np.zeros((1, 4, 6), np.uint8)
    masks[0, 3, 5] = 1
    assert masks_hold_points(masks, np.array([[6.0, 4.0]])).tolist() == [True]
