from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sapnet.prediction.inputs import ImageInput, read_images

HEIGHT, WIDTH = 6, 9


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def read_one(value: ImageInput) -> np.ndarray:
    (pixels,) = read_images([value], bits=16)
    return pixels


def _check(value: Any, expected: np.ndarray) -> None:  # noqa: ANN401
    """The result is what was expected, and fit for torch."""
    read = read_one(value)
    np.testing.assert_array_equal(read, expected)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    assert read.flags.writeable
    torch.from_numpy(read)


# --- files and URLs -----------------------------------------------------------------------------


def test_paths(pixels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    for value in (path, str(path), f"file://{path}"):
        _check(value, pixels)


def test_urls(pixels: np.ndarray, tmp_path: Path) -> None:
    import fsspec

    Image.fromarray(pixels).save(tmp_path / "a.png")
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/photos/a.png", (tmp_path / "a.png").read_bytes())
    memory.pipe_file("/photos/broken.png", b"nothing")
    _check("memory://photos/a.png", pixels)
    with pytest.raises(FileNotFoundError, match=r"memory://photos/b.png: no such file"):
        read_one("memory://photos/b.png")
    with pytest.raises(ValueError, match=r"memory://photos/broken.png: cannot be read as an image"):
        read_one("memory://photos/broken.png")
    with pytest.raises(ValueError, match=r"nope://a.png: cannot be reached"):
        read_one("nope://a.png")


def test_http(pixels: np.ndarray, tmp_path: Path) -> None:
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    Image.fromarray(pixels).save(tmp_path / "a.png")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            _check(f"{address}/a.png", pixels)
            with pytest.raises(FileNotFoundError, match=r"/b.png: no such file"):
                read_one(f"{address}/b.png")
        finally:
            server.shutdown()
    with pytest.raises(ValueError, match=r"a\.png: cannot be fetched"):
        read_one(f"{address}/a.png")


def test_one_bit_depth_for_files_urls_and_pillow_images(tmp_path: Path) -> None:
    import fsspec

    values = np.array([[0, 512, 1023]], np.uint16)
    Image.fromarray(values // 8).save(tmp_path / "dark.png")
    Image.fromarray(values).save(tmp_path / "bright.png")
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/deep/bright.png", (tmp_path / "bright.png").read_bytes())
    dark, bright = [[0, 16, 32]], [[0, 128, 255]]
    url = "memory://deep/bright.png"
    with Image.open(tmp_path / "bright.png") as opened:
        for other in (url, tmp_path / "bright.png", opened):
            found = read_images([tmp_path / "dark.png", other])
            assert [pixels[:, :, 0].tolist() for pixels in found] == [dark, bright]
    (alone,) = read_images([url])
    assert alone[:, :, 0].tolist() == bright
    (given,) = read_images([url], bits=12)
    assert given[:, :, 0].tolist() == [[0, 32, 64]]
    with pytest.raises(ValueError, match=r"image 1 of 2: memory://deep/bright.png: .*--bits 10"):
        read_images([tmp_path / "dark.png", url], bits=9)


def test_a_url_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    Image.new("L", (3, 2)).save(tmp_path / "a.png")
    memory.pipe_file("/once/a.png", (tmp_path / "a.png").read_bytes())
    asked = []
    fetch = type(memory).cat_file

    def counting(self: Any, path: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        asked.append(path)
        return fetch(self, path, *args, **kwargs)

    monkeypatch.setattr(type(memory), "cat_file", counting)
    (pixels,) = read_images(["memory://once/a.png"])
    assert pixels.shape == (2, 3, 3)
    assert asked == ["/once/a.png"]


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected an image, found a folder.*sapnet\.predict"):
        read_one(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such image file"):
        read_one(tmp_path / "a.png")


# --- Pillow -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK", "1", "YCbCr", "HSV"])
def test_pillow_modes(mode: str, pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels).convert(mode)
    _check(image, np.asarray(image.convert("RGB")))


def test_transparency_is_dropped(pixels: np.ndarray) -> None:
    image = Image.fromarray(pixels)
    image.putalpha(7)
    _check(image, pixels)


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bits_are_scaled(mode: str) -> None:
    gray = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    image = Image.fromarray(gray * 257)
    image = image if mode == "I;16" else image.convert("I")
    assert image.mode == mode
    _check(image, np.repeat(gray[..., None], 3, axis=2).astype(np.uint8))


def test_exif_of_a_pillow_image(pixels: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown after a quarter turn clockwise
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        _check(image, pixels)


def test_pillow_images_that_are_refused(pixels: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="floating point values, whose range is unknown"):
        read_one(Image.new("F", (4, 4)))
    with pytest.raises(ValueError, match="at least 1 x 1 px"):
        read_one(Image.new("RGB", (0, 4)))
    Image.fromarray(np.repeat(pixels, 40, axis=0)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "a.png") as image,
        pytest.raises(ValueError, match="cannot be decoded"),
    ):
        read_one(image)


# --- arrays -------------------------------------------------------------------------------------


def test_arrays(pixels: np.ndarray) -> None:
    gray = pixels[:, :, 0]
    as_rgb = np.repeat(gray[..., None], 3, axis=2)
    _check(pixels, pixels)
    _check(gray, as_rgb)
    _check(gray[..., None], as_rgb)
    _check(np.concatenate([pixels, gray[..., None]], axis=2), pixels)


def test_views(pixels: np.ndarray) -> None:
    _check(pixels[:, :, ::-1], pixels[:, :, ::-1].copy())
    _check(pixels[::-1, ::2], pixels[::-1, ::2].copy())
    _check(np.asfortranarray(pixels), pixels)
    pixels.flags.writeable = False
    _check(pixels, pixels)
    read = read_one(pixels)
    assert not np.shares_memory(read, pixels)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floating_point(kind: type, pixels: np.ndarray) -> None:
    _check((pixels / 255).astype(kind), pixels if kind is not np.float16 else _rounded(pixels))
    _check(np.array([[0.0, 0.5, 1.0]], kind), np.array([[[0] * 3, [128] * 3, [255] * 3]], np.uint8))


def _rounded(pixels: np.ndarray) -> np.ndarray:
    halves = (pixels / 255).astype(np.float16).astype(np.float32)
    return np.rint(halves * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), r"shape \(3, 8, 8\)\. Put the channels last: .*transpose"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"as a list: list\(images\)"),
        (np.zeros((8, 8, 2), np.uint8), r"expected an image \(height, width, 3\) of RGB"),
        (np.zeros(8, np.uint8), r"found array of shape \(8,\)"),
        (np.zeros((0, 0, 3), np.uint8), r"at least 1 x 1 px, found array of shape \(0, 0, 3\)"),
        (np.zeros((8, 8, 3), np.uint16), "found array of uint16. Scale it to 0..255"),
        (np.zeros((8, 8), bool), "found array of bool"),
        (np.zeros((8, 8, 3), np.int64), "found array of int64"),
        (np.full((8, 8, 3), 7.0), "floating point values in 0..1, found 7 to 7 in the array"),
        (np.full((8, 8, 3), -0.5), "found -0.5 to -0.5"),
        (np.full((8, 8, 3), np.nan), "found nan to nan"),
    ],
)
def test_arrays_that_are_refused(value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(value)


# --- tensors ------------------------------------------------------------------------------------


def test_tensors(pixels: np.ndarray) -> None:
    last = torch.from_numpy(pixels)
    first = last.permute(2, 0, 1)
    as_rgb = np.repeat(pixels[:, :, :1], 3, axis=2)
    _check(last, pixels)
    _check(first, pixels)
    _check(first.contiguous(), pixels)
    _check(first[0], as_rgb)
    _check(first[:1], as_rgb)
    _check(torch.cat([first, first[:1]]), pixels)
    _check((first / 255).requires_grad_(), pixels)
    _check(torch.ones(3, 2, 2, dtype=torch.bfloat16), np.full((2, 2, 3), 255, np.uint8))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), r"list\(images\)"),
        (torch.full((3, 8, 8), 255.0), "found 255 to 255 in the tensor"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), "found tensor of int64"),
        (torch.zeros(3, 0, 8, dtype=torch.uint8), "at least 1 x 1 px"),
    ],
)
def test_tensors_that_are_refused(value: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_one(value)


@pytest.mark.parametrize("value", [None, 3, b"bytes", [[1, 2]], {"image": 1}])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match=rf"a URL, .* found {type(value).__name__}$"):
        read_one(value)  # type: ignore[arg-type]
