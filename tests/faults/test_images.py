"""Images of every odd kind: they are read, or refused with one line."""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sapnet.data.image_files.header import upright_size
from sapnet.data.images import load_image

Save = Callable[[Path], None]

RED = (255, 0, 0)


def _saved(image: Image.Image, **options: object) -> Save:
    def save(path: Path) -> None:
        image.save(path, **options)  # type: ignore[arg-type]

    return save


def _noise(mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((40, 30), 80).convert(mode)


def _animated(path: Path) -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in (RED, (0, 255, 0))]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def _cut(share: float, suffix: str) -> Save:
    def save(path: Path) -> None:
        buffer = io.BytesIO()
        _noise().save(buffer, suffix)
        content = buffer.getvalue()
        path.write_bytes(content[: int(len(content) * share)])

    return save


def _bomb(path: Path) -> None:
    """A PNG of 60,000 x 60,000 px in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return len(content).to_bytes(4) + checked + zlib.crc32(checked).to_bytes(4)

    side = (60_000).to_bytes(4)
    header = chunk(b"IHDR", side + side + b"\x08\x02\x00\x00\x00")
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


READ: dict[str, tuple[str, Save, tuple[int, int]]] = {
    "1 x 1": ("a.png", _saved(Image.new("RGB", (1, 1), RED)), (1, 1)),
    "1 x 20000": ("a.png", _saved(Image.new("L", (1, 20_000), 7)), (20_000, 1)),
    "20000 x 1": ("a.png", _saved(Image.new("L", (20_000, 1), 7)), (1, 20_000)),
    "16 bit": (
        "a.png",
        _saved(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50)),
        (30, 40),
    ),
    "CMYK": ("a.jpg", _saved(_noise("CMYK")), (30, 40)),
    "palette": ("a.png", _saved(_noise("P")), (30, 40)),
    "transparent palette": ("a.png", _saved(_noise("P"), transparency=0), (30, 40)),
    "RGBA": ("a.png", _saved(_noise("RGBA")), (30, 40)),
    "gray with alpha": ("a.png", _saved(_noise("LA")), (30, 40)),
    "bits": ("a.png", _saved(_noise("1")), (30, 40)),
    "animated gif": ("a.gif", _animated, (30, 40)),
    "animated webp": ("a.webp", _animated, (30, 40)),
    "pages of tiff": ("a.tif", _animated, (30, 40)),
}


def _exif(orientation: int) -> Save:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return _saved(_noise(), exif=exif)


for _number in range(1, 9):
    _size = (40, 30) if _number > 4 else (30, 40)
    READ[f"EXIF {_number}"] = ("a.jpg", _exif(_number), _size)

REFUSED: dict[str, tuple[str, Save]] = {
    "bomb": ("a.png", _bomb),
    "empty": ("a.png", lambda path: path.write_bytes(b"") and None),
    "text": ("a.jpg", lambda path: path.write_text("no image") and None),
    "folder": ("a.png", lambda path: path.mkdir()),
    "cut header of png": ("a.png", _cut(0.01, "PNG")),
    "cut png": ("a.png", _cut(0.5, "PNG")),
    "cut jpeg": ("a.jpg", _cut(0.5, "JPEG")),
    "cut tiff": ("a.tif", _cut(0.5, "TIFF")),
    "cut webp": ("a.webp", _cut(0.5, "WEBP")),
    "zeros": ("a.png", lambda path: path.write_bytes(bytes(2000)) and None),
}


@pytest.mark.parametrize("name", READ)
def test_read(name: str, tmp_path: Path) -> None:
    file, save, size = READ[name]
    save(tmp_path / file)
    assert upright_size(tmp_path / file) == size
    pixels = load_image(tmp_path / file, 16 if name == "16 bit" else None)
    assert pixels.shape == (*size, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_one_line(name: str, tmp_path: Path) -> None:
    file, save = REFUSED[name]
    save(tmp_path / file)
    start = time.process_time()
    with pytest.raises((ValueError, OSError)) as caught:
        load_image(tmp_path / file)
    message = str(caught.value)
    assert file in message
    assert len(message.splitlines()) == 1
    assert time.process_time() - start < 2


@pytest.mark.slow
def test_20000_x_20000(tmp_path: Path) -> None:
    """Too large for the limit of pixels, and read with a higher one."""
    from sapnet.data.image_files.limit import allowing_pixels

    path = tmp_path / "a.png"
    Image.new("L", (20_000, 20_000), 9).save(path, compress_level=1)
    with pytest.raises(ValueError, match=r"a\.png: too large: 400 million pixels"):
        load_image(path)
    with allowing_pixels(400_000_000):
        assert load_image(path).shape == (20_000, 20_000, 3)
