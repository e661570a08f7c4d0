import itertools
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import roi_align

from sapnet.selection.features import assign_levels, crop_in_boxes, pool_boxes, with_mask_crops

MakeFeatures = Callable[..., list[Tensor]]


def test_levels_by_size() -> None:
    sides = torch.tensor([0.0, 10, 111, 113, 223, 225, 449, 897, 5000])
    boxes = torch.stack([0 * sides, 0 * sides, sides, sides], 1)
    assert assign_levels(boxes, 5).tolist() == [0, 0, 0, 1, 1, 2, 3, 4, 4]
    assert assign_levels(boxes, 2).tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_pooling_equals_one_box_at_a_time(make_features: MakeFeatures) -> None:
    features = make_features()
    boxes = torch.tensor([[0.0, 0, 120, 120], [3, 4, 20, 30], [5, 5, 128, 128], [8, 8, 9, 9]])
    image_index = torch.tensor([1, 0, 0, 1])
    pooled = pool_boxes(features, boxes, image_index)
    assert pooled.shape == (4, 4, 7, 7)
    for box, image, level, found in zip(boxes, image_index, (1, 0, 1, 0), pooled, strict=True):
        feature = features[level][image][None]
        expected = roi_align(feature, [box[None]], 7, 1 / (4 * 2**level), aligned=True)[0]
        torch.testing.assert_close(found, expected)


def test_pooling_a_ramp_gives_bin_centres() -> None:
    # A feature equal to x in input pixels: the pooled bin holds the x of its centre.
    ramp = (torch.arange(32.0) + 0.5).mul(4).expand(1, 1, 32, 32)
    box = torch.tensor([[20.0, 20, 90, 55]])
    pooled = pool_boxes([ramp], box, torch.tensor([0]))
    expected = 20 + 10 * (torch.arange(7) + 0.5)
    torch.testing.assert_close(pooled[0, 0], expected.expand(7, 7))


def test_sampling_ratio_is_that_of_roi_align(make_features: MakeFeatures) -> None:
    features, box = make_features()[:1], torch.tensor([[8.0, 8, 100, 100]])
    image = torch.tensor([0])
    dense, sparse = (pool_boxes(features, box, image, sampling_ratio=n) for n in (0, 1))
    expected = roi_align(features[0], [box, box[:0]], 7, 0.25, 1, aligned=True)
    torch.testing.assert_close(sparse, expected)
    assert not torch.allclose(dense, sparse)


def test_no_boxes(make_features: MakeFeatures) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert pool_boxes(make_features(), torch.zeros(0, 4), none).shape == (0, 4, 7, 7)
    assert crop_in_boxes(torch.zeros(0, 7, 7), torch.zeros(0, 4), torch.zeros(0, 3, 4)).shape == (
        0,
        3,
        7,
        7,
    )
    crops = torch.rand(2, 7, 7)
    assert crop_in_boxes(crops, torch.zeros(2, 4), torch.zeros(2, 0, 4)).shape == (2, 0, 7, 7)


def test_crop_in_its_own_box_is_the_crop() -> None:
    crops, boxes = torch.rand(2, 7, 7), torch.tensor([[0.0, 0, 70, 14], [5, 5, 12, 90]])
    torch.testing.assert_close(crop_in_boxes(crops, boxes, boxes[:, None])[:, 0], crops)


def test_crop_in_other_boxes_by_hand() -> None:
    crop = torch.zeros(1, 7, 7)
    crop[0, 2, 4] = 1  # the bin x 40..50, y 20..30 of a 70 x 70 box
    box = torch.tensor([[0.0, 0, 70, 70]])
    shifted = torch.tensor([[[20.0, 10, 90, 80]]])  # two bins right, one down
    expected = torch.zeros(7, 7)
    expected[1, 2] = 1
    torch.testing.assert_close(crop_in_boxes(crop, box, shifted)[0, 0], expected, atol=1e-6, rtol=0)
    outside = torch.tensor([[[200.0, 200, 270, 270]]])
    assert (crop_in_boxes(crop, box, outside) == 0).all()
    full = crop_in_boxes(torch.ones(1, 7, 7), box, torch.tensor([[[10.0, 10, 60, 60]]]))
    torch.testing.assert_close(full, torch.ones_like(full))


def test_crops_equal_one_bin_at_a_time() -> None:
    torch.manual_seed(0)
    crops = torch.rand(3, 7, 7)
    boxes = torch.rand(5, 3, 2, 2).sort(2).values.flatten(2) * 60 + torch.tensor([0, 0, 9, 9])
    source, target = boxes[0], boxes[1:].transpose(0, 1)
    expected = torch.zeros(3, 4, 7, 7, dtype=torch.float64)
    for m, q, row, column in itertools.product(range(3), range(4), range(7), range(7)):
        left, top, right, bottom = source[m].tolist()
        x1, y1, x2, y2 = target[m, q].tolist()
        # The place of the bin's centre among the source's bin centres, 0 to 6.
        x = (x1 + (column + 0.5) / 7 * (x2 - x1) - left) / (right - left) * 7 - 0.5
        y = (y1 + (row + 0.5) / 7 * (y2 - y1) - top) / (bottom - top) * 7 - 0.5
        for i, j in itertools.product(range(7), range(7)):
            weight = max(1 - abs(x - j), 0) * max(1 - abs(y - i), 0)
            expected[m, q, row, column] += weight * crops[m, i, j].item()
    found = crop_in_boxes(crops, source, target)
    assert (found > 0).any()
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


def test_empty_source_box_gives_numbers() -> None:
    found = crop_in_boxes(torch.ones(1, 7, 7), torch.zeros(1, 4), torch.tensor([[[0.0, 0, 9, 9]]]))
    assert found.isfinite().all()


def test_mask_channels() -> None:
    pooled, crops = torch.rand(3, 2, 7, 7), torch.rand(3, 7, 7)
    joined = with_mask_crops(pooled, crops)
    assert joined.shape == (3, 5, 7, 7)
    assert torch.equal(joined[:, :2], pooled)
    assert torch.equal(joined[:, 2:4], pooled * crops[:, None])
    assert torch.equal(joined[:, 4], crops)
