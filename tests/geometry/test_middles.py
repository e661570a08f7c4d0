"""The middle from run lengths equals that of the decoded mask."""

from time import process_time

import numpy as np
import pytest

from sapnet.data.click_weights import nearest_to_center
from sapnet.geometry.middles import middle_pixels
from sapnet.geometry.rle import encode_masks


def plain_middle(mask: np.ndarray) -> tuple[int, int]:
    """The same from pixels: column and row."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    row, column = np.unravel_index(int(np.argmax(nearest_to_center(crop))), crop.shape)
    return int(columns[0] + column), int(rows[0] + row)


def test_middles_equal_those_of_decoded_masks() -> None:
    """Noise of all densities: single pixels, ties, holes in the middle, runs over columns."""
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (1, 9), (9, 1), (6, 8), (13, 7), (20, 30)):
        masks = rng.random((300, height, width)) < rng.random((300, 1, 1))
        masks = np.concatenate([masks[masks.any((1, 2))], np.ones((1, height, width), bool)])
        expected = [plain_middle(mask) for mask in masks]
        assert [tuple(pair) for pair in middle_pixels(encode_masks(masks)).tolist()] == expected


def test_a_ring_has_its_middle_on_the_ring() -> None:
    mask = np.ones((1, 5, 5), bool)
    mask[0, 1:4, 1:4] = False
    assert middle_pixels(encode_masks(mask)).tolist() == [[2, 0]]


def test_no_mask_and_an_empty_mask() -> None:
    assert middle_pixels([]).shape == (0, 2)
    with pytest.raises(ValueError, match=r"at least one pixel, found an empty one"):
        middle_pixels(encode_masks(np.zeros((1, 3, 4), bool)))


def test_no_image_is_decoded() -> None:
    """1,000 masks of 1024 x 1024: a billion pixels, which alone take seconds to look at."""
    y, x = np.mgrid[:1024, :1024]
    masks = np.stack([np.hypot(x - 512, y - 300 - 10 * i) < 200 for i in range(10)])
    rles = encode_masks(masks) * 100
    start = process_time()
    middles = middle_pixels(rles)
    assert process_time() - start < 2
    assert middles[:2].tolist() == [[512, 300], [512, 310]]
