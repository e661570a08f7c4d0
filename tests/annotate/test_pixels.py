import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from sapnet.annotate.listing import ListedImage, list_folder
from sapnet.annotate.pixels import PixelCache, num_levels
from sapnet.data.images import load_image
from sapnet.system.locations import CACHE_VARIABLE


def decode(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def listed(path: Path) -> ListedImage:
    return list_folder(path.parent)[path.name]


def stripes(path: Path) -> Path:
    """Write an image of 2100 x 1100 px whose colours change with the place."""
    rows, columns = np.mgrid[0:1100, 0:2100]
    colors = [rows * 255 // 1100, columns * 255 // 2100, rows * 0 + 90]
    pixels = np.stack(colors, 2).astype(np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb", tile=(256, 256))
    else:
        Image.fromarray(pixels).save(path, compress_level=1)
    return path


@pytest.mark.parametrize(
    ("size", "levels"),
    [((1, 1), 1), ((1024, 1024), 1), ((1025, 10), 2), ((8000, 6000), 4), ((10, 2049), 3)],
)
def test_levels_end_with_one_tile(size: tuple[int, int], levels: int) -> None:
    assert num_levels(*size) == levels


@pytest.mark.parametrize("name", ["vast.png", "vast.tif"])
def test_tiles_of_a_vast_image_are_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from sapnet.annotate import pixels

    monkeypatch.setattr(pixels, "DECODED_PIXELS", 1_000_000)
    monkeypatch.setattr(pixels, "VAST_SIDE", 1200)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    image = listed(stripes(tmp_path / name))
    read: list[str] = []
    load = pixels.load_image
    monkeypatch.setattr(
        pixels, "load_image", lambda path, bits: read.append(str(path)) or load(path, bits)
    )
    cache, whole = PixelCache(), PixelCache()
    for level, (across, down) in enumerate([(3, 2), (2, 1), (1, 1)]):
        for column in range(across):
            for row in range(down):
                found = decode(cache.tile(image, level, column, row)).astype(int)
                with monkeypatch.context() as patch:
                    patch.setattr(pixels, "DECODED_PIXELS", 10_000_000)
                    expected = decode(whole.tile(image, level, column, row))
                assert found.shape == expected.shape
                assert np.abs(found - expected).mean() < 2
    windows = [entry.rpartition("#")[2] for entry in read if "#" in entry]
    assert windows[0] == "xywh=0,0,1024,1024"
    assert windows[-1] == "xywh=2048,1024,52,76"
    assert len(windows) == 6  # the smaller levels are kept
    assert decode(cache.thumbnail(image)).shape == (84, 160, 3)


def test_a_small_image_is_one_tile(folder: Path) -> None:
    tile = decode(PixelCache().tile(listed(folder / "a.png"), 0, 0, 0))
    assert tile.shape == (48, 64, 3)
    assert tile[18, 24, 0] > 200
    assert tile[18, 24, 1] < 60
    assert abs(int(tile[40, 60, 0]) - 128) < 10


def test_tiles_join_to_the_image_at_every_level(tmp_path: Path) -> None:
    pixels = load_image(stripes(tmp_path / "wide.png"))
    cache, image = PixelCache(), listed(tmp_path / "wide.png")
    for level, (across, down) in enumerate([(3, 2), (2, 1), (1, 1)]):
        joined = np.concatenate(
            [
                np.concatenate([decode(cache.tile(image, level, c, r)) for c in range(across)], 1)
                for r in range(down)
            ]
        )
        step = 2**level
        assert joined.shape[:2] == (-(-1100 // step), -(-2100 // step))
        expected = pixels[step // 2 :: step, step // 2 :: step]
        found = joined[: expected.shape[0], : expected.shape[1]]
        assert np.abs(found.astype(int) - expected).max() <= 8
        with pytest.raises(IndexError, match="expected a tile"):
            cache.tile(image, level, across, 0)
    with pytest.raises(IndexError, match="expected a level below 3"):
        cache.tile(image, 3, 0, 0)


def test_tiles_and_thumbnails_are_upright(
    tmp_path: Path, save_image: Callable[..., np.ndarray]
) -> None:
    stored = save_image(tmp_path / "turned.jpg", (60, 100), orientation=6)
    upright = np.rot90(stored, -1)
    cache, image = PixelCache(), listed(tmp_path / "turned.jpg")
    tile = decode(cache.tile(image, 0, 0, 0))
    assert tile.shape == upright.shape
    assert np.abs(tile.astype(int) - upright).mean() < 8
    small = decode(cache.thumbnail(image))
    assert small.shape == upright.shape
    assert np.abs(small.astype(int) - upright).mean() < 12


def test_thumbnails_are_small_and_come_from_large_photographs_quickly(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1500), (10, 200, 30)).save(tmp_path / "large.jpg")
    small = decode(PixelCache().thumbnail(listed(tmp_path / "large.jpg")))
    assert small.shape == (80, 160, 3)
    np.testing.assert_allclose(small[40, 80], (10, 200, 30), atol=6)


def test_a_damaged_image_is_an_error_in_words(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / "cut.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    image = listed(path)
    assert image.problem == ""  # the header is whole
    for ask in (lambda: PixelCache().tile(image, 0, 0, 0), lambda: PixelCache().thumbnail(image)):
        with pytest.raises(ValueError, match=r"cut\.jpg: cannot be read"):
            ask()


def test_an_image_is_decoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sapnet.annotate import pixels

    read: list[Path] = []
    load = pixels.load_image
    monkeypatch.setattr(
        pixels, "load_image", lambda path, bits: read.append(path) or load(path, bits)
    )
    cache, image = PixelCache(), listed(folder / "a.png")
    first = cache.tile(image, 0, 0, 0)
    assert cache.tile(image, 0, 0, 0) == first
    assert len(read) == 1


def test_decoded_images_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sapnet.annotate import pixels

    monkeypatch.setattr(pixels, "PIXELS_KEPT", 48 * 64 * 3 + 1)
    cache = PixelCache()
    listing = list_folder(folder)
    for name in ("a.png", "süd/bäume 1.jpg"):
        cache.tile(listing[name], 0, 0, 0)
    assert list(cache._pyramids) == ["süd/bäume 1.jpg"]
