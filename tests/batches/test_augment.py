from dataclasses import replace

import numpy as np
import pytest
import torch

from sapnet.batches.augment import (
    evaluation_view,
    resized_size,
    sample_view,
    view_boxes,
    view_crops,
    view_image,
    view_masks,
    view_points,
)
from sapnet.batches.config import AugmentConfig
from sapnet.batches.sample import View
from sapnet.geometry.crops import crop_masks
from sapnet.geometry.masks import downsample_masks
from sapnet.geometry.rle import encode_masks, rle_boxes


def random_image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ((480, 640), (800, 1067)),  # 640 * 800 / 480 = 1066.7
        ((640, 480), (1067, 800)),
        ((427, 640), (800, 1199)),
        ((200, 640), (417, 1333)),  # the long side decides: 200 * 1333 / 640 = 416.6
        ((1, 5000), (1, 1333)),  # never less than a pixel
        ((800, 800), (800, 800)),
    ],
)
def test_resized_size(original: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized_size(original, 800, 1333) == expected


def test_evaluation_view_is_the_largest_without_chance() -> None:
    view = evaluation_view((480, 640), AugmentConfig(color_jitter=0.5))
    assert view == View((480, 640), (800, 1067), (800, 1088))
    assert view.grid_size() == (200, 272)
    torch.testing.assert_close(view.scale, torch.tensor([1067 / 640, 800 / 480]))


def test_sampled_views() -> None:
    cfg = AugmentConfig(short_sides=(64, 96), max_long_side=1000, color_jitter=0.2)
    views = [sample_view((48, 64), cfg, np.random.default_rng(i)) for i in range(200)]
    assert {view.input_size for view in views} == {(64, 85), (96, 128)}
    assert {view.padded_size for view in views} == {(64, 96), (96, 128)}
    assert 60 < sum(view.flip for view in views) < 140
    factors = np.array([view.color_factors for view in views])
    assert ((factors >= 0.8) & (factors <= 1.2)).all()
    assert (factors.std(0) > 0.05).all()
    assert views[7] == sample_view((48, 64), cfg, np.random.default_rng(7))


@pytest.mark.parametrize(("probability", "expected"), [(0.0, {False}), (1.0, {True})])
def test_flip_probability(probability: float, expected: set[bool]) -> None:
    cfg = AugmentConfig(flip_probability=probability)
    assert {sample_view((9, 9), cfg, np.random.default_rng(i)).flip for i in range(20)} == expected


def test_no_jitter_keeps_colours() -> None:
    view = sample_view((9, 9), AugmentConfig(), np.random.default_rng(0))
    assert view.color_factors == (1, 1, 1)


def test_image_is_padded_right_and_bottom() -> None:
    image = random_image(10, 13)
    padded = view_image(image, View((10, 13), (10, 13), (12, 16)))
    assert padded.shape == (3, 12, 16)
    assert padded.dtype == torch.uint8
    np.testing.assert_array_equal(padded[:, :10, :13].permute(1, 2, 0), image)
    assert padded[:, 10:].sum() + padded[:, :, 13:].sum() == 0


def test_image_is_flipped_inside_its_content() -> None:
    image = random_image(10, 13)
    padded = view_image(image, View((10, 13), (10, 13), (12, 16), flip=True))
    np.testing.assert_array_equal(padded[:, :10, :13].permute(1, 2, 0), image[:, ::-1])
    assert padded[:, :, 13:].sum() == 0


def test_shrinking_is_antialiased() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, ::2] = 200  # a pattern that plain sampling would turn into stripes or one colour
    small = view_image(image, View((8, 8), (2, 2), (4, 4)))[:, :2, :2].float()
    assert (small - 100).abs().max() < 20


def test_image_of_another_size() -> None:
    with pytest.raises(ValueError, match=r"\(height, width\) \(8, 8\), found \(8, 9\)"):
        view_image(random_image(8, 9), View((8, 8), (8, 8), (8, 8)))


def test_color_factors_change_the_content_alone() -> None:
    image = np.full((4, 4, 3), (100, 50, 10), np.uint8)
    view = View((4, 4), (4, 4), (4, 8), color_factors=(1.5, 1.0, 1.0))
    bright = view_image(image, view)
    assert bright[:, 0, 0].tolist() == [150, 75, 15]
    assert bright[:, :, 4:].sum() == 0
    for index in (1, 2):
        factors = [1.0, 1.0, 1.0]
        factors[index] = 0.5
        changed = view_image(image, replace(view, color_factors=tuple(factors)))
        assert not torch.equal(changed[:, :, :4], torch.from_numpy(image).permute(2, 0, 1))


def test_boxes_and_points_by_hand() -> None:
    view = View((10, 20), (20, 30), (32, 32), flip=True)  # x 1.5, y 2
    boxes = view_boxes(torch.tensor([[2.0, 1.0, 4.0, 5.0]]), view)
    assert boxes.tolist() == [[24, 2, 27, 10]]
    assert view_points(torch.tensor([[3.0, 2.5]]), view).tolist() == [[25.5, 5.0]]
    straight = replace(view, flip=False)
    assert view_boxes(torch.tensor([[2.0, 1.0, 4.0, 5.0]]), straight).tolist() == [[3, 2, 6, 10]]
    assert view_points(torch.tensor([[3.0, 2.5]]), straight).tolist() == [[4.5, 5.0]]


def test_nothing_to_move() -> None:
    view = View((10, 20), (20, 30), (32, 32), flip=True)
    assert view_boxes(torch.zeros(0, 4), view).shape == (0, 4)
    assert view_points(torch.zeros(0, 2), view).shape == (0, 2)
    assert view_masks((), view).shape == (0, 8, 8)
    assert view_crops(torch.zeros(0, 7, 7), view).shape == (0, 7, 7)


@pytest.mark.parametrize("width", [16, 17, 18, 19])
def test_flipped_masks_lie_on_the_flipped_image(width: int) -> None:
    """Also at widths that are no multiple of the stride: the mask of the mirrored image."""
    image = np.zeros((12, width, 3), np.uint8)
    image[2:9, 1:8] = 255
    masks = image[None, :, :, 0] > 0
    view = View((12, width), (12, width), (12, 20), flip=True)
    seen = view_image(image, view)[0].numpy()[None] > 0  # padded
    expected = downsample_masks(encode_masks(seen), (12, 20), (3, 5))
    assert expected.any()
    np.testing.assert_array_equal(view_masks(encode_masks(masks), view), expected)


def test_resized_masks_lie_on_the_resized_image() -> None:
    image = np.zeros((40, 50, 3), np.uint8)
    image[5:33, 12:41] = 255
    masks = image[None, :, :, 0] > 0
    for flip in (False, True):
        view = View((40, 50), (90, 113), (96, 128), flip=flip)
        seen = view_image(image, view)[0].numpy()[None] > 127
        expected = downsample_masks(encode_masks(seen), (96, 128), (24, 32)).astype(int)
        found = view_masks(encode_masks(masks), view).numpy().astype(int)
        assert np.abs(found - expected).sum() <= 0.03 * expected.sum()  # rounding at the border


def test_boxes_points_and_masks_move_together() -> None:
    masks = np.zeros((1, 40, 50), np.uint8)
    masks[0, 8:24, 4:28] = 1
    boxes = torch.from_numpy(rle_boxes(encode_masks(masks)))
    for flip in (False, True):
        view = View((40, 50), (80, 100), (96, 128), flip=flip)
        rows, columns = torch.nonzero(view_masks(encode_masks(masks), view)[0], as_tuple=True)
        x1, y1, x2, y2 = view_boxes(boxes, view)[0].tolist()
        assert (columns.min() * 4, columns.max() * 4 + 4) == (x1, x2)
        assert (rows.min() * 4, rows.max() * 4 + 4) == (y1, y2)
        x, y = view_points(torch.tensor([[4.5, 8.5]]), view)[0].tolist()
        assert view_masks(encode_masks(masks), view)[0, int(y / 4), int(x / 4)] == 1


def test_crops_are_mirrored_with_the_mask() -> None:
    rng = np.random.default_rng(0)
    masks = (rng.random((3, 21, 28)) < 0.5).astype(np.uint8)
    boxes = rle_boxes(encode_masks(masks))
    view = View((21, 28), (21, 28), (32, 32), flip=True)
    mirrored = masks[:, :, ::-1]
    expected = crop_masks(mirrored, rle_boxes(encode_masks(mirrored)))
    crops = torch.from_numpy(crop_masks(masks, boxes))
    np.testing.assert_array_equal(view_crops(crops, view), expected)
    assert view_crops(crops, replace(view, flip=False)) is crops
