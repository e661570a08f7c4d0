import numpy as np
import pytest

from sapnet.evaluation.mean_iou import ious_with_truth, mean_iou_by_size
from sapnet.geometry.rle import encode_masks


def test_ious_with_truth_equal_a_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((5, 9, 7)) < 0.5
    gt_mask = rng.random((1, 9, 7)) < 0.5

    ious = ious_with_truth(encode_masks(masks), encode_masks(gt_mask)[0], "object 1")

    expected = [(mask & gt_mask[0]).sum() / (mask | gt_mask[0]).sum() for mask in masks]
    np.testing.assert_allclose(ious, expected)


def test_ious_with_truth_of_no_mask() -> None:
    gt_rle = encode_masks(np.ones((1, 3, 3), bool))[0]

    assert ious_with_truth([], gt_rle, "object 1").shape == (0,)


def test_a_mask_of_another_size_is_an_error() -> None:
    rles = encode_masks(np.ones((1, 3, 4), bool))
    gt_rle = encode_masks(np.ones((1, 4, 3), bool))[0]

    with pytest.raises(ValueError, match=r"object 17: .*\[3, 4\].*\[4, 3\]"):
        ious_with_truth(rles, gt_rle, "object 17")


def test_mean_iou_by_size_groups_at_cocos_borders() -> None:
    areas = np.array([32**2 - 1, 32**2, 96**2 - 1, 96**2])
    ious = np.array([0.1, 0.2, 0.4, 0.9])

    means = mean_iou_by_size(ious, areas, "label_miou")

    assert means == pytest.approx(
        {
            "label_miou": 0.4,
            "label_miou_small": 0.1,
            "label_miou_medium": 0.3,
            "label_miou_large": 0.9,
        }
    )


def test_a_group_without_objects_is_nan() -> None:
    means = mean_iou_by_size(np.zeros(0), np.zeros(0), "top1_miou")

    assert list(means) == ["top1_miou", "top1_miou_small", "top1_miou_medium", "top1_miou_large"]
    assert np.isnan(list(means.values())).all()
