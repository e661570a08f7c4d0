"""Image files: listed, measured without decoding, and read as upright RGB."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from sapnet.data.orientation import UPRIGHT, oriented_size

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}
)
"""File endings taken for images when a folder is listed, compared in lower case."""

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
"""Markers of a JPEG file."""

_SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself before its pixels are decoded.

    Attributes:
        stored_size: (height, width) of the pixels in the file.
        orientation: EXIF orientation, 1..8; 1 where the file names none.
    """

    stored_size: tuple[int, int]
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """(height, width) of the upright image."""
        return oriented_size(self.stored_size, self.orientation)


def load_image(path: Path | str) -> np.ndarray:
    """Reads an image as it is meant to be seen.

    The EXIF orientation is applied. Gray, palette, CMYK and 16-bit images become 8-bit RGB; an
    alpha channel is dropped; of an animation the first frame is read.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read as an image, or is cut off.
    """
    with _opened(path) as image:
        if (pixels := _decode_plain_jpeg(image, path)) is not None:
            return pixels
        return image_pixels(image, path)


def image_pixels(image: Image.Image, place: Path | str = "image") -> np.ndarray:
    """Convert an open image of any mode to upright 8-bit RGB, as `load_image` does.

    Args:
        image: an image of Pillow.
        place: name of the image in error messages.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        ValueError: the image has floating point values.
    """
    return np.array(_to_rgb(ImageOps.exif_transpose(image), place))


def read_header(path: Path | str) -> ImageHeader:
    """Size and orientation of an image, without decoding its pixels.

    Args:
        path: the file.

    Returns:
        Its header.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read as an image.
    """
    with _opened(path) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
        known = orientation if orientation in range(1, 9) else UPRIGHT
        return ImageHeader(stored_size=(image.height, image.width), orientation=known)


def upright_size(path: Path | str) -> tuple[int, int]:
    """Size of the upright image, without decoding its pixels.

    Args:
        path: the file.

    Returns:
        (height, width).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read as an image.
    """
    return read_header(path).upright_size


def list_images(source: Path | str | Sequence[Path | str]) -> list[Path]:
    """Image files of a folder, or of a list of files and folders.

    Folders are searched with their sub-folders; hidden files are left out. A file that is named
    itself is taken whatever its ending.

    Args:
        source: a folder, a file, or several of them.

    Returns:
        The files, sorted, each once.

    Raises:
        FileNotFoundError: if something named does not exist.
        ValueError: if there is no image in it.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    found = {path for entry in sources for path in _images_in(Path(entry))}
    if not found:
        searched = ", ".join(str(entry) for entry in sources) or "an empty list"
        endings = " ".join(sorted(IMAGE_SUFFIXES))
        raise ValueError(f"{searched}: expected images ({endings}), found none. Check the folder.")
    return sorted(found)


def _images_in(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FileNotFoundError(
            f"{path}: no such file or folder. Name an image or a folder of images."
        )
    return (
        file
        for file in path.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES
        and not file.name.startswith(".")
        and file.is_file()
    )


@contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    """The file opened by Pillow; whatever fails while it is open is told in one line."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such image file. Check the folder of images.")
    try:
        with Image.open(path) as image:
            yield image
    # What Pillow's decoders raise for damaged files.
    except (OSError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path}: cannot be read as an image ({error}). The file is damaged, cut off or of "
            "another kind: replace it, or drop the image from the list."
        ) from error


def _decode_plain_jpeg(image: Image.Image, path: Path | str) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB through OpenCV, in half of Pillow's time; None where it is not for it.

    Both use libjpeg-turbo and give the same pixels. But OpenCV makes up what is missing of a file
    that was cut off, and has its own mind of other colour spaces: Pillow does those.
    """
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) != UPRIGHT:
        return None
    content = Path(path).read_bytes()
    # Inside a scan no marker can occur, and a thumbnail lies before the picture's own scan.
    if content.find(_END_OF_IMAGE, content.rfind(_START_OF_SCAN)) < 0:
        return None
    import cv2

    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None or pixels.shape[:2] != (image.height, image.width):
        return None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels), np.uint8)


def _to_rgb(image: Image.Image, path: Path | str) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow would clip at 255 instead of scaling. "I" is how it hands over 16-bit PNGs, too.
        values = np.asarray(image, np.int64)
        gray = np.clip(np.rint(values / _SIXTEEN_TO_EIGHT_BITS), 0, 255).astype(np.uint8)
        return Image.fromarray(gray).convert("RGB")
    if image.mode == "F":
        raise ValueError(
            f"{path}: expected 8 or 16 bits per channel, found floating point values, whose range "
            "is unknown. Save the image with 8 bits per channel."
        )
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # the way that Pillow asks for, else it warns
    return image.convert("RGB")
