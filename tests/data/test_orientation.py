import numpy as np
import pytest
from PIL import Image, ImageOps

from sapnet.data.orientation import orient_box, orient_mask, orient_points, oriented_size

STORED = (3, 5)  # height, width


def upright_pixels(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pillow is the judge of what an orientation means."""
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_pixel_keeps_its_value(orientation: int) -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(STORED)
    upright = upright_pixels(pixels, orientation)
    assert oriented_size(STORED, orientation) == upright.shape
    rows, columns = np.indices(STORED).reshape(2, -1)
    moved = orient_points(np.stack([columns, rows], 1) + 0.5, STORED, orientation)
    x, y = np.floor(moved).astype(int).T
    assert (moved % 1 == 0.5).all()
    np.testing.assert_array_equal(upright[y, x], pixels[rows, columns])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_box_covers_the_same_pixels(orientation: int) -> None:
    pixels = np.zeros(STORED, np.uint8)
    pixels[1:3, 0:4] = 1
    x1, y1, x2, y2 = (int(v) for v in orient_box((0, 1, 4, 3), STORED, orientation))
    upright = upright_pixels(pixels, orientation)
    assert upright[y1:y2, x1:x2].all()
    assert upright.sum() == (y2 - y1) * (x2 - x1)


def test_orientation_6_by_hand() -> None:
    # A quarter turn clockwise: the top left corner of the file becomes the top right one.
    np.testing.assert_array_equal(orient_points([[0.5, 0.5]], STORED, 6), [[2.5, 0.5]])


def test_no_points() -> None:
    assert orient_points(np.zeros((0, 2)), STORED, 8).shape == (0, 2)


def test_unknown_orientation() -> None:
    with pytest.raises(ValueError, match="from 1 to 8, found 9"):
        orient_points([[0, 0]], STORED, 9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_turn_as_pillow_turns_them(orientation: int) -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(STORED)
    turned = orient_mask(pixels, orientation)
    np.testing.assert_array_equal(turned, upright_pixels(pixels, orientation))
