from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from sapnet.data.clicked_images import check_images
from sapnet.geometry.rle import decode_masks, encode_masks
from sapnet.structures.clicks import RLE, Category, Click, ClickSet, ImageRecord


def rectangle(x1: int, y1: int, x2: int, y2: int, *, height: int, width: int) -> RLE:
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, y1:y2, x1:x2] = 1
    return encode_masks(mask)[0]


def turned_file(folder: Path, orientation: int, height: int = 3, width: int = 5) -> None:
    """a.png: the pixel in row 0, column 4 of the file is white."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[0, 4] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(folder / "a.png", exif=exif)


def click_set(width: int, height: int, x: float, y: float) -> ClickSet:
    box = (x - 0.5, y - 0.5, x + 0.5, y + 0.5)
    mask = rectangle(*map(int, box), height=height, width=width)
    click = Click(1, 5, 3, ((x, y),), ((x, y),), box, mask)
    return ClickSet((ImageRecord(5, "a.png", width, height),), (Category(3, "cat"),), (click,))


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_clicks_turn_with_the_image(tmp_path: Path, orientation: int) -> None:
    turned_file(tmp_path, orientation)
    checked = check_images(click_set(5, 3, 4.5, 0.5), tmp_path)
    assert (checked.images[0].width, checked.images[0].height) == (3, 5)
    (click,) = checked.clicks
    with Image.open(tmp_path / "a.png") as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    x, y = click.point
    assert upright[int(y), int(x)] == 255
    assert click.negative_points == (click.point,)
    assert click.box == (x - 0.5, y - 0.5, x + 0.5, y + 0.5)
    assert click.mask is not None
    np.testing.assert_array_equal(decode_masks([click.mask])[0] * 255, upright)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_upright_clicks_stay(tmp_path: Path, orientation: int) -> None:
    turned_file(tmp_path, orientation)
    size = (3, 5) if orientation == 6 else (5, 3)
    clicks = click_set(*size, 1.5, 2.5)
    assert check_images(clicks, tmp_path) == clicks


def test_other_size(tmp_path: Path) -> None:
    turned_file(tmp_path, 1)
    with pytest.raises(ValueError, match=r"a\.png: expected 6 x 3 px as listed, found 5 x 3 px"):
        check_images(click_set(6, 3, 1, 1), tmp_path)


def test_missing_images_are_named(tmp_path: Path) -> None:
    images = tuple(ImageRecord(i, f"{i}.jpg", 5, 3) for i in range(7))
    with pytest.raises(FileNotFoundError, match=r"7 of .*: 0\.jpg, .*4\.jpg and 2 more\."):
        check_images(ClickSet(images, (), ()), tmp_path)
