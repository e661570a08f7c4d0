from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sapnet.data.image_files.depth import DEPTHS, depth_line, depth_of, find_depth, to_bytes
from sapnet.data.images import image_pixels, load_image


def save_gray(path: Path, *values: int) -> Path:
    Image.fromarray(np.array([values], np.uint16)).save(path)
    return path


def save_color(path: Path, value: tuple[int, int, int]) -> Path:
    """RGB values of 16 bits, which Pillow itself would cut to their upper 8."""
    cv2.imwrite(str(path), np.full((2, 3, 3), value[::-1], np.uint16))
    return path


def test_depth_of_values() -> None:
    assert [depth_of(v) for v in (0, 255, 256, 1023, 1024, 4095, 4096, 16383, 16384, 65535)] == [
        8, 8, 10, 10, 12, 12, 14, 14, 16, 16,
    ]  # fmt: skip
    assert DEPTHS[-1] == 16


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_twelve_bits_in_sixteen(tmp_path: Path, suffix: str) -> None:
    dark = save_gray(tmp_path / f"a.{suffix}", 0, 100, 200)
    bright = save_gray(tmp_path / f"b.{suffix}", 0, 2048, 4095)
    bits = find_depth([dark, bright])
    assert bits == 12
    # One scale for both: the dark image stays dark.
    assert load_image(dark, bits)[0, :, 0].tolist() == [0, 6, 12]
    assert load_image(bright, bits)[0, :, 1].tolist() == [0, 128, 255]
    assert load_image(bright)[0, :, 0].tolist() == [0, 8, 16]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_twelve_bits_in_each_channel(tmp_path: Path, suffix: str) -> None:
    path = save_color(tmp_path / f"a.{suffix}", (4095, 2048, 0))
    assert find_depth([path]) == 12
    assert load_image(path, 12)[1, 2].tolist() == [255, 128, 0]
    assert load_image(path)[1, 2].tolist() == [16, 8, 0]


def test_the_turn_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.arange(6, dtype=np.uint16).reshape(2, 3) * 819
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = load_image(tmp_path / "a.png", 12)
    assert found.shape == (3, 2, 3)
    np.testing.assert_array_equal(found[:, :, 0], np.rot90(np.rint(pixels / 4095 * 255), -1))
    assert found.flags.c_contiguous
    assert found.flags.writeable


def test_eight_bits_have_no_depth(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    assert find_depth([tmp_path / "a.png", tmp_path / "b.png", tmp_path / "absent.png"]) is None
    assert find_depth([]) is None
    assert load_image(tmp_path / "a.png", 12).shape == (3, 4, 3)


def test_a_full_image_ends_the_search(tmp_path: Path) -> None:
    full = save_gray(tmp_path / "a.png", 65535)

    def paths() -> Iterator[Path]:
        yield from [full] * 32
        raise AssertionError("looked on")

    assert find_depth(paths()) == 16


def test_values_beyond_the_depth_are_refused(tmp_path: Path) -> None:
    path = save_gray(tmp_path / "a.png", 5000)
    with pytest.raises(ValueError, match=r"a\.png: .* 4095 \(12 bits\), found 5000.*--bits 14"):
        load_image(path, 12)


def test_values_that_are_no_sixteen_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[70000]], np.int32)).save(tmp_path / "a.tif")
    Image.fromarray(np.array([[-1]], np.int32)).save(tmp_path / "b.tif")
    for name in ("a.tif", "b.tif"):
        with pytest.raises(ValueError, match=rf"{name}: expected values of 0 to 65535, found"):
            load_image(tmp_path / name)


def test_images_in_memory() -> None:
    image = Image.fromarray(np.array([[0, 4095]], np.uint16))
    assert image_pixels(image, bits=12)[0, :, 0].tolist() == [0, 255]
    assert to_bytes(np.array([3, 1023]), 10, "x").tolist() == [1, 255]


def test_the_line_says_which() -> None:
    assert depth_line(None, is_given=False) == ""
    assert "read as 12 bits, as given" in depth_line(12, is_given=True)
    assert "read as 12 bits, which hold the largest value" in depth_line(12, is_given=False)
