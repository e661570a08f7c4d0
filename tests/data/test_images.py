from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from sapnet.data.image_files.header import read_header, upright_size
from sapnet.data.image_files.listing import list_images
from sapnet.data.images import load_image, load_reduced


def save_turned(path: Path, pixels: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def test_rgb_as_stored(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    loaded = load_image(tmp_path / "a.png")
    np.testing.assert_array_equal(loaded, pixels)
    assert loaded.flags.writeable
    assert loaded.flags.c_contiguous


def test_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(3, 5)
    save_turned(tmp_path / "a.png", pixels, 6)
    expected = np.rot90(pixels, -1)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png")[:, :, 0], expected)
    assert upright_size(tmp_path / "a.png") == (5, 3)
    assert read_header(tmp_path / "a.png").stored_size == (3, 5)
    assert read_header(tmp_path / "a.png").orientation == 6


def test_senseless_orientation_is_upright(tmp_path: Path) -> None:
    save_turned(tmp_path / "a.png", np.zeros((3, 5), np.uint8), 77)
    assert upright_size(tmp_path / "a.png") == (3, 5)
    assert load_image(tmp_path / "a.png").shape == (3, 5, 3)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 100, (100, 100, 100)),
        ("LA", (100, 7), (100, 100, 100)),
        ("RGBA", (1, 2, 3, 0), (1, 2, 3)),
        ("1", 1, (255, 255, 255)),
    ],
)
def test_modes_become_rgb(tmp_path: Path, mode: str, value: object, expected: tuple) -> None:
    Image.new(mode, (5, 3), value).save(tmp_path / "a.png")
    loaded = load_image(tmp_path / "a.png")
    assert loaded.shape == (3, 5, 3)
    assert loaded.dtype == np.uint8
    assert (loaded == expected).all()


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (5, 3), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", transparency=bytes([0, 128]))
    for name in ("a.png", "b.png"):
        assert (load_image(tmp_path / name) == (10, 20, 30)).all()


def test_cmyk(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = load_image(tmp_path / "a.jpg")[8, 8]
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path: Path, suffix: str) -> None:
    pixels = np.array([[0, 257, 32896, 65535]], np.uint16)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    loaded = load_image(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(loaded[0, :, 0], [0, 1, 128, 255])


def test_floating_point_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif: expected 8 or 16 bits"):
        load_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_truncated(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"cut\.{suffix}: cannot be read as an image"):
        load_image(path)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_jpeg_has_the_pixels_that_pillow_reads(
    tmp_path: Path, mode: str, options: dict[str, object]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    picture = Image.fromarray(noise).resize((131, 99)).convert(mode)
    picture.save(tmp_path / "a.jpg", quality=90, **options)
    loaded = load_image(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        np.testing.assert_array_equal(loaded, np.asarray(image.convert("RGB")))
    assert loaded.flags.writeable
    assert loaded.flags.c_contiguous


def test_a_turned_jpeg(tmp_path: Path) -> None:
    pixels = np.zeros((40, 64), np.uint8)
    pixels[:, 32:] = 255
    save_turned(tmp_path / "a.jpg", pixels, 6)  # the right half is the lower one when upright
    loaded = load_image(tmp_path / "a.jpg")
    assert loaded.shape == (64, 40, 3)
    assert loaded[:30].max() < 20
    assert loaded[34:].min() > 235


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_cut_off(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    comment = b"\xff\xfe" + (len(whole) + 2).to_bytes(2, "big") + whole
    with_thumbnail = whole[:2] + comment + whole[2:]
    (tmp_path / "b.jpg").write_bytes(with_thumbnail)
    np.testing.assert_array_equal(load_image(tmp_path / "b.jpg"), load_image(tmp_path / "a.jpg"))
    for kept in (len(with_thumbnail) * 3 // 4, len(comment) + 20):
        (tmp_path / "b.jpg").write_bytes(with_thumbnail[:kept])
        with pytest.raises(ValueError, match=r"b\.jpg: cannot be read as an image"):
            load_image(tmp_path / "b.jpg")


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read"):
        load_image(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read"):
        upright_size(tmp_path / "a.jpg")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.jpg: no such image file"):
        load_image(tmp_path / "no.jpg")


def test_list_images(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    names = ["b.JPG", "sub/ä 图.png", "a.jpeg"]
    for name in [*names, "notes.txt", ".hidden.jpg", "sub/._b.jpg"]:
        (tmp_path / name).touch()
    found = list_images(tmp_path)
    assert found == sorted(tmp_path / name for name in names)
    assert list_images([tmp_path, tmp_path / "a.jpeg", tmp_path / "notes.txt"]) == sorted(
        [*found, tmp_path / "notes.txt"]
    )
    assert list_images(str(tmp_path / "b.JPG")) == [tmp_path / "b.JPG"]


def test_list_images_without_images(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected images"):
        list_images(tmp_path)
    with pytest.raises(ValueError, match="an empty list"):
        list_images([])
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        list_images(tmp_path / "nowhere")


def test_non_ascii_name_loads(tmp_path: Path) -> None:
    Image.new("L", (2, 2), 9).save(tmp_path / "ä 图.png")
    assert (load_image(tmp_path / "ä 图.png") == 9).all()


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_reduced_image_is_the_upright_image_made_smaller(
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


def test_gray_cmyk_and_full_size_reduced(tmp_path: Path) -> None:
    for mode, color in (("L", 100), ("CMYK", (0, 255, 255, 0)), ("RGB", (10, 200, 30))):
        path = tmp_path / f"{mode}.jpg"
        Image.new(mode, (64, 48), color).save(path, quality=95)
        whole = load_image(path)
        np.testing.assert_allclose(np.asarray(load_reduced(path, (48, 64))), whole, atol=3)
        small = np.asarray(load_reduced(path, (6, 8)))
        np.testing.assert_allclose(small, whole[::8, ::8], atol=4)


def test_a_damaged_file_to_reduce_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"a\.jpg: cannot be read"):
        load_reduced(tmp_path / "a.jpg", (4, 4))


def moved_behind_pixels(path: Path, kind: bytes) -> None:
    """Move the chunks of a kind behind the pixels of a PNG."""
    content = path.read_bytes()
    chunks, place = [], 8
    while place < len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        chunks.append(content[place:end])
        place = end
    late = [chunk for chunk in chunks if chunk[4:8] == kind]
    assert late
    others = [chunk for chunk in chunks if chunk[4:8] != kind]
    path.write_bytes(content[:8] + b"".join([*others[:-1], *late, others[-1]]))


def test_the_header_of_a_png_is_read_without_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    save_turned(tmp_path / "turned.png", pixels, 6)
    save_turned(tmp_path / "late.png", pixels, 6)
    moved_behind_pixels(tmp_path / "late.png", b"eXIf")
    assert upright_size(tmp_path / "late.png") == (60, 40)
    assert load_image(tmp_path / "late.png").shape == (60, 40, 3)

    def decode(image: Image.Image) -> None:
        raise AssertionError(f"{image} was decoded")

    monkeypatch.setattr(PngImageFile, "load", decode)
    assert upright_size(tmp_path / "plain.png") == (40, 60)
    assert upright_size(tmp_path / "turned.png") == (60, 40)
    with pytest.raises(AssertionError, match="was decoded"):
        upright_size(tmp_path / "late.png")
