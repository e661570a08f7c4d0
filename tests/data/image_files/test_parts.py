"""Windows, bands and smaller sizes, against the arrays that the files were written from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from sapnet.data.image_files.depth import find_depth
from sapnet.data.image_files.header import read_header, upright_size, whole_size
from sapnet.data.image_files.limit import allowing_pixels
from sapnet.data.image_files.raster import opened_raster
from sapnet.data.images import is_deep_file, load_image, load_reduced
from sapnet.system.locations import CACHE_VARIABLE

HEIGHT, WIDTH = 150, 200
X, Y, W, H = 37, 21, 90, 70

LAYOUTS: dict[str, dict[str, Any]] = {
    "tiled, deflate": {"tile": (32, 48), "compression": "deflate"},
    "tiled, predictor": {"tile": (64, 64), "compression": "deflate", "predictor": True},
    "tiled, plain": {"tile": (32, 32)},
    "strips, deflate": {"rowsperstrip": 16, "compression": "deflate"},
    "plain": {},
    "big endian": {"byteorder": ">"},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def values(bands: int = 3, dtype: type = np.uint8, most: int = 255) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, most + 1, (HEIGHT, WIDTH, bands)).astype(dtype)


def part(pixels: np.ndarray) -> np.ndarray:
    return pixels[Y : Y + H, X : X + W]


def address(path: Path, bands: str = "") -> str:
    return f"{path}#xywh={X},{Y},{W},{H}{bands}"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_windows_of_tiff_are_those_of_the_whole(layout: str, planar: str, tmp_path: Path) -> None:
    pixels, path = values(), tmp_path / "a.tif"
    stored = pixels if planar == "contig" else np.moveaxis(pixels, 2, 0)
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, **LAYOUTS[layout])
    with opened_raster(path) as raster:
        assert raster is not None
    assert (load_image(address(path)) == part(pixels)).all()
    assert (load_image(address(path, "&bands=3,1,2")) == part(pixels)[:, :, [2, 0, 1]]).all()
    assert (load_image(path) == pixels).all()
    assert upright_size(address(path)) == (H, W)
    assert whole_size(address(path)) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_deep_windows_are_scaled_as_the_whole_is(layout: str, tmp_path: Path) -> None:
    pixels, path = values(3, np.uint16, 4095), tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", **LAYOUTS[layout])
    bits = find_depth([Path(address(path)), Path(address(path))])
    assert bits == 12
    assert is_deep_file(address(path))
    expected = np.rint(part(pixels) * (255 / 4095)).astype(np.uint8)
    assert (load_image(address(path), bits) == expected).all()
    with pytest.raises(ValueError, match="--bits 12"):
        load_image(address(path), 10)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "lzw.tif", "strip.tif"])
def test_other_files_are_decoded_once(
    name: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, pixels = tmp_path / name, values()
    if name == "strip.tif":
        monkeypatch.setattr("sapnet.data.image_files.raster.MOST_SEGMENT_BYTES", 1000)
        tifffile.imwrite(path, pixels, photometric="rgb", compression="deflate")
    else:
        options = {"compression": "tiff_lzw"} if name == "lzw.tif" else {}
        Image.fromarray(pixels).save(path, **options)
    monkeypatch.setattr("sapnet.data.image_files.raster._open_rasterio", lambda *_: None)
    whole = load_image(path)
    assert (load_image(address(path)) == part(whole)).all()
    (kept,) = cache.glob("decoded/*.npy")
    before = kept.stat().st_ino
    assert (load_image(address(path, "&bands=2")) == part(whole)[:, :, [1, 1, 1]]).all()
    assert [file.stat().st_ino for file in cache.glob("decoded/*.npy")] == [before]

    Image.fromarray(255 - pixels).save(path)  # another image under the name
    assert (load_image(address(path)) == part(load_image(path))).all()


def test_turned_files_are_cut_upright(tmp_path: Path) -> None:
    pixels, path = values(), tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels, photometric="rgb", tile=(32, 32), compression="deflate",
        extratags=[(274, 3, 1, 6, True)],
    )  # fmt: skip
    whole = load_image(path)
    assert whole.shape[:2] == (WIDTH, HEIGHT)
    assert (load_image(f"{path}#xywh=10,20,30,40") == whole[20:60, 10:40]).all()


def test_many_bands_ask_for_a_choice(tmp_path: Path) -> None:
    pixels, path = values(5), tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig", tile=(32, 32))
    for place in (path, address(path)):
        with pytest.raises(ValueError, match=r"choice among its 5 bands.*--bands \[3,2,1\]"):
            load_image(place)
    assert (load_image(address(path, "&bands=5,3,1")) == part(pixels)[:, :, [4, 2, 0]]).all()
    assert (load_image(f"{path}#bands=4") == pixels[:, :, [3, 3, 3]]).all()
    with pytest.raises(ValueError, match="band numbers of 1 to 5"):
        load_image(f"{path}#bands=1,2,6")


def test_alpha_is_left_out(tmp_path: Path) -> None:
    pixels, path = values(4), tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["unassalpha"], tile=(32, 32))
    assert (load_image(address(path)) == part(pixels)[:, :, :3]).all()


def test_floating_point_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((HEIGHT, WIDTH), np.float32), tile=(32, 32))
    with pytest.raises(ValueError, match="float32 values, whose range is unknown"):
        load_image(address(path))


@pytest.mark.parametrize("name", ["a.tif", "a.png"])
def test_windows_outside_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    Image.fromarray(values()).save(path)
    for read in (load_image, read_header):
        with pytest.raises(ValueError, match="expected a window inside of 200 x 150 px"):
            read(f"{path}#xywh=150,0,51,10")
    with pytest.raises(FileNotFoundError, match="no such image file"):
        load_image(f"{tmp_path / 'none'}{path.suffix}#xywh=0,0,1,1")


def test_damaged_parts_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values(), photometric="rgb", tile=(32, 32), compression="deflate")
    with tifffile.TiffFile(path) as file:
        start = file.pages.first.dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a.tif: cannot be read as an image \(part 0"):
        load_image(f"{path}#xywh=0,0,32,32")


def test_the_limit_is_for_what_is_decoded(tmp_path: Path) -> None:
    tiled, plain = tmp_path / "a.tif", tmp_path / "a.png"
    tifffile.imwrite(tiled, values(), photometric="rgb", tile=(32, 32), compression="deflate")
    Image.fromarray(values()).save(plain)
    with allowing_pixels(HEIGHT * WIDTH - 1):
        assert load_image(address(tiled)).shape == (H, W, 3)
        assert whole_size(tiled) == (HEIGHT, WIDTH)
        for place in (tiled, plain, address(plain)):
            with pytest.raises(ValueError, match="too large"):
                load_image(place)


@pytest.mark.parametrize("pyramid", ["none", "pages", "subpages"])
def test_smaller_sizes_show_the_same(pyramid: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    row, column = np.mgrid[:640, :800]
    pixels = np.stack([row * 255 // 640, column * 255 // 800, row * 0 + 80], 2).astype(np.uint8)
    options: dict[str, Any] = {"photometric": "rgb", "tile": (64, 64), "compression": "deflate"}
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, subifds=1 if pyramid == "subpages" else None, **options)
        if pyramid != "none":
            file.write(pixels[::2, ::2], subfiletype=1, **options)
    small = np.asarray(load_reduced(path, (160, 200)))
    expected = np.asarray(Image.fromarray(pixels).reduce(4))
    assert small.shape == (160, 200, 3)
    assert np.abs(small.astype(int) - expected).max() <= 2
    with opened_raster(path) as raster:
        assert raster is not None
        level = raster.read_smaller((160, 200), (0, 1, 2))
        assert (None if level is None else level.shape) == (
            None if pyramid == "none" else (320, 400, 3)
        )
