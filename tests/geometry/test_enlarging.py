import numpy as np
import pytest
from PIL import Image

from sapnet.geometry.enlarging import enlarge_rle
from sapnet.geometry.rle import decode_masks, encode_masks


def enlarged(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    found = decode_masks([enlarge_rle(encode_masks(mask[None])[0], size)])[0]
    assert found.shape == size
    return found.astype(bool)


@pytest.mark.parametrize("size", [(40, 60), (80, 120), (93, 171), (1000, 601)])
@pytest.mark.parametrize("place", [(0, 0), (11, 13), (25, 40)])
def test_it_is_the_whole_mask_resized(size: tuple[int, int], place: tuple[int, int]) -> None:
    mask = np.zeros((40, 60), np.uint8)
    y, x = place
    mask[y : y + 15, x : x + 20] = np.random.default_rng(0).integers(0, 2, (15, 20))
    picture = Image.fromarray(mask * np.uint8(255))
    whole = np.asarray(picture.resize(size[::-1], Image.Resampling.BILINEAR)) > 127
    # Values just at the threshold may be rounded another way.
    assert (enlarged(mask, size) != whole).mean() < 0.005


def test_a_block_keeps_its_place() -> None:
    mask = np.zeros((10, 20), np.uint8)
    mask[2:5, 6:10] = 1
    found = enlarged(mask, (100, 400))
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max() + 1) == (20, 50)
    assert (columns.min(), columns.max() + 1) == (120, 200)


def test_empty_and_full_masks() -> None:
    assert not enlarged(np.zeros((10, 20), np.uint8), (50, 70)).any()
    assert enlarged(np.ones((10, 20), np.uint8), (50, 70)).all()
