import numpy as np
import pytest
import torch

from sapnet.geometry.crops import crop_masks
from sapnet.geometry.masks import centers_of_mass, downsample_masks
from sapnet.geometry.rle import encode_masks


def test_a_full_box_has_full_coverage() -> None:
    mask = np.zeros((1, 10, 10), np.uint8)
    mask[0, 2:9, 1:4] = 1
    assert (crop_masks(mask, np.array([[1, 2, 4, 9]])) == 255).all()


def test_crop_of_the_left_half() -> None:
    mask = np.zeros((1, 14, 14), np.uint8)
    mask[0, :, :7] = 1
    crop = crop_masks(mask, np.array([[0, 0, 14, 14]]))[0]
    # Seven columns of two pixels: three are covered, the middle one half.
    assert crop[0].tolist() == [255, 255, 255, 128, 0, 0, 0]
    assert (crop == crop[0]).all()


def test_crop_means_match_the_mask_area() -> None:
    rng = np.random.default_rng(1)
    masks = (rng.random((4, 23, 31)) > 0.4).astype(np.uint8)
    boxes = np.tile([0, 0, 31, 23], (4, 1))
    crops = crop_masks(masks, boxes)
    np.testing.assert_allclose(crops.mean((1, 2)) / 255, masks.mean((1, 2)), atol=2e-3)


def test_an_empty_box_has_an_empty_crop() -> None:
    assert crop_masks(np.ones((1, 4, 4), np.uint8), np.zeros((1, 4))).sum() == 0
    assert crop_masks(np.zeros((0, 4, 4), np.uint8), np.zeros((0, 4))).shape == (0, 7, 7)


def naive_targets(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    target = np.zeros((height // 4, width // 4), np.uint8)
    for i in range(height // 4):
        for j in range(width // 4):
            target[i, j] = mask[4 * i + 1 : 4 * i + 3, 4 * j + 1 : 4 * j + 3].sum() >= 2
    return target


def test_same_size_reads_the_four_middle_pixels() -> None:
    masks = (np.random.default_rng(0).random((3, 16, 24)) > 0.5).astype(np.uint8)
    targets = downsample_masks(encode_masks(masks), (16, 24), (4, 6))
    assert np.array_equal(targets, np.stack([naive_targets(mask) for mask in masks]))


def test_padding_stays_empty() -> None:
    targets = downsample_masks(encode_masks(np.ones((1, 10, 9))), (10, 9), (8, 8))
    assert targets[0, :2, :2].all()
    # Row 2 of the grid covers input rows 8..11, of which 9 is the last with content: its two
    # middle rows are 9 (content) and 10 (padding), and one full row is half: it counts.
    assert targets[0].sum(1).tolist()[2] == 2
    assert targets[0, 3:].sum() == 0
    assert targets[0, :, 3:].sum() == 0


def test_enlarging_by_two_keeps_the_shape() -> None:
    mask = np.zeros((1, 8, 8), np.uint8)
    mask[0, 2:6, 4:8] = 1
    targets = downsample_masks(encode_masks(mask), (16, 16), (4, 4))
    expected = np.zeros((4, 4), np.uint8)
    expected[1:3, 2:4] = 1
    assert np.array_equal(targets[0], expected)


def pixel_by_pixel(
    masks: np.ndarray, input_size: tuple[int, int], grid_size: tuple[int, int]
) -> np.ndarray:
    """The masks resized to the input by the nearest pixel, padded, and the middles counted."""
    resized = masks
    for axis, size in ((1, input_size[0]), (2, input_size[1])):
        source = masks.shape[axis]
        nearest = [min(int((i + 0.5) * source / size), source - 1) for i in range(size)]
        resized = np.take(resized, nearest, axis)
    h, w = grid_size
    padding = ((0, 0), (0, 4 * h - input_size[0]), (0, 4 * w - input_size[1]))
    cells = np.pad(resized, padding).reshape(len(masks), h, 4, w, 4)
    return (cells[:, :, 1:3, :, 1:3].sum((2, 4)) >= 2).astype(np.uint8)


SIZES = [
    ((37, 53), (37, 53), (10, 14)),  # unchanged, not a multiple of the stride
    ((37, 53), (61, 87), (16, 24)),  # enlarged as a photograph is
    ((37, 53), (400, 573), (104, 144)),  # several cells for each pixel
    ((37, 53), (12, 17), (8, 8)),  # shrunk: most pixels are seen by no cell
    ((1, 53), (4, 212), (8, 56)),
    ((37, 1), (40, 1), (12, 8)),
]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("original", "resized", "grid"), SIZES)
def test_runs_give_what_pixels_give(
    original: tuple[int, int], resized: tuple[int, int], grid: tuple[int, int], flip: bool
) -> None:
    rng = np.random.default_rng(0)
    masks = (rng.random((7, *original)) < rng.uniform(0.02, 0.98, (7, 1, 1))).astype(np.uint8)
    masks[1], masks[3] = 0, 1  # empty and full among the others
    masks[5] = 0
    masks[5, :, original[1] // 3 : original[1] // 2 + 1] = 1  # one run over several columns
    seen = masks[:, :, ::-1] if flip else masks
    found = downsample_masks(encode_masks(masks), resized, grid, flip=flip)
    np.testing.assert_array_equal(found, pixel_by_pixel(seen, resized, grid))
    assert found.dtype == np.uint8


def test_no_mask_gives_no_grid() -> None:
    assert downsample_masks((), (8, 8), (2, 3)).shape == (0, 2, 3)


def test_centers_of_mass() -> None:
    masks = torch.zeros(3, 5, 7)
    masks[0, 1, 2] = 1
    masks[1, :2, :3] = 1
    centers = centers_of_mass(masks)
    assert centers[0].tolist() == [1, 2]
    assert centers[1].tolist() == [0.5, 1.0]
    assert centers[2].isnan().all()
    assert centers_of_mass(torch.zeros(0, 5, 7)).shape == (0, 2)


@pytest.mark.parametrize("flip", [False, True])
def test_at_stride_one_each_pixel_looks_up_its_own(flip: bool) -> None:
    masks = (np.random.default_rng(1).random((3, 10, 12)) > 0.5).astype(np.uint8)
    same = downsample_masks(encode_masks(masks), (10, 12), (16, 16), flip=flip, stride=1)
    assert np.array_equal(same[:, :10, :12], masks[:, :, ::-1] if flip else masks)
    assert same[:, 10:].sum() + same[:, :, 12:].sum() == 0
    double = downsample_masks(encode_masks(masks), (20, 24), (20, 24), stride=1)
    assert np.array_equal(double, masks.repeat(2, axis=1).repeat(2, axis=2))
