from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch

from sapnet.batches.sample import View
from sapnet.batches.supervision import make_bags, make_targets, top_proposals
from sapnet.geometry.rle import decode_masks

VIEW = View((30, 40), (60, 80), (64, 96), flip=True)  # twice as large, mirrored


def test_bags_by_hand(store: SimpleNamespace) -> None:
    bags = make_bags(store.objects_of_image(0), [1, 0], VIEW)
    assert bags.valid.tolist() == [[True, True], [True, False]]
    assert bags.boxes.tolist() == [
        [[52, 20, 72, 40], [40, 0, 80, 60]],
        [[0, 40, 20, 60], [0, 0, 0, 0]],
    ]
    assert bags.own_scores.tolist() == [[0.25, 0.75], [0.5, 0.0]]
    assert bags.holds_rival.tolist() == [[False, True], [False, False]]
    assert bags.points.tolist() == [[69, 25], [9, 51]]
    assert bags.labels.tolist() == [1, 0]
    assert bags.annotation_ids.tolist() == [1, 2]
    assert bags.image_index.tolist() == [0, 0]
    assert bags.masks.shape == (2, 2, 16, 24)
    expected = torch.zeros(16, 24, dtype=torch.uint8)
    expected[5:10, 13:18] = 1
    assert torch.equal(bags.masks[0, 0], expected)
    assert bags.masks[1, 1].sum() == 0
    assert bags.mask_crops.dtype == torch.float32
    assert (bags.mask_crops[0] == 1).all()  # full rectangles
    assert (bags.mask_crops[1, 1] == 0).all()


def test_boxes_that_came_with_clicks_are_compared(store: SimpleNamespace) -> None:
    first, second = store.objects_of_image(0)
    boxed = replace(first, click=replace(first.click, box=(4.0, 10.0, 14.0, 15.0)))
    bags = make_bags([boxed, second], [1, 0], VIEW)
    # The square is twice the box; the left half of 20 x 30 px holds its 50 px.
    torch.testing.assert_close(bags.box_iou, torch.tensor([[0.5, 50 / 600], [1.0, 1.0]]))


def test_crops_are_shares_and_mirrored(store: SimpleNamespace) -> None:
    (entry, _) = store.objects_of_image(0)
    entry.mask_crops[0, :, 0] = 51
    bags = make_bags([entry], [0], VIEW)
    np.testing.assert_allclose(bags.mask_crops[0, 0, :, -1], 0.2, rtol=1e-6)
    assert bags.mask_crops[0, 0, :, 0].min() == 1


def test_bags_of_no_object() -> None:
    bags = make_bags([], [], VIEW)
    assert (bags.num_objects, bags.num_proposals) == (0, 1)
    assert bags.masks.shape == (0, 1, 16, 24)
    assert bags.points.shape == (0, 2)


def test_targets_by_hand(store: SimpleNamespace) -> None:
    rles = store.objects_of_image(0)[0].proposals.rles
    targets = make_targets(rles, [1, 1], VIEW)
    assert targets.boxes.tolist() == [[52, 20, 72, 40], [40, 0, 80, 60]]
    assert targets.masks.sum((1, 2)).tolist() == [25, 150]
    assert targets.ranked_masks.shape == (2, 0, 16, 24)
    assert targets.ranked_valid.shape == (2, 0)


def test_targets_of_no_mask() -> None:
    targets = make_targets([], [], VIEW)
    assert targets.masks.shape == (0, 16, 24)
    assert targets.boxes.shape == (0, 4)
    assert targets.labels.dtype == torch.int64


def test_top_proposals(store: SimpleNamespace) -> None:
    first, second = decode_masks(top_proposals(store.objects_of_image(0)))
    assert first.sum() == 600  # the left half has the better score
    assert second.sum() == 100
    assert top_proposals([]) == []
