from io import BytesIO

import numpy as np
from PIL import Image

from sapnet.report.pictures import encode_jpeg, resize_masks, scaled_size


def _decode(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(jpeg))).astype(int)


def test_jpeg_keeps_size_and_colour() -> None:
    image = np.full((8, 16, 3), (200, 60, 30), np.uint8)

    decoded = _decode(encode_jpeg(image))

    assert decoded.shape == (8, 16, 3)
    assert np.abs(decoded - image).max() < 8


def test_sizes() -> None:
    assert scaled_size(640, 480, 320) == (320, 240)
    assert scaled_size(10, 3000, 300) == (1, 300)
    assert resize_masks(np.zeros((0, 0, 0), np.uint8), (8, 6)).shape == (0, 6, 8)
    mask = np.zeros((1, 4, 8), np.uint8)
    mask[0, :, 4:] = 1
    assert resize_masks(mask, (4, 2)).tolist() == [[[False, False, True, True]] * 2]
