from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.annotate.reduced import load_reduced
from sapnet.data.images import load_image


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_it_is_the_upright_image_made_smaller(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    rows, columns = np.mgrid[0:400, 0:600]
    pixels = np.stack([rows * 255 // 400, columns * 255 // 600, rows * 0 + 90], 2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    upright = Image.fromarray(load_image(path))
    size = (67, 100) if upright.width > upright.height else (100, 67)
    found = load_reduced(path, size)
    assert (found.height, found.width) == size
    expected = np.asarray(upright.resize(size[::-1], Image.Resampling.BOX)).astype(int)
    assert np.abs(np.asarray(found).astype(int) - expected).max() < 12


def test_gray_cmyk_and_full_size(tmp_path: Path) -> None:
    for mode, color in (("L", 100), ("CMYK", (0, 255, 255, 0)), ("RGB", (10, 200, 30))):
        path = tmp_path / f"{mode}.jpg"
        Image.new(mode, (64, 48), color).save(path, quality=95)
        whole = load_image(path)
        np.testing.assert_allclose(np.asarray(load_reduced(path, (48, 64))), whole, atol=3)
        small = np.asarray(load_reduced(path, (6, 8)))
        np.testing.assert_allclose(small, whole[::8, ::8], atol=4)


def test_a_damaged_file_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read"):
        load_reduced(tmp_path / "a.jpg", (4, 4))
