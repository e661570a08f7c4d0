"""Listing of image files, reading of their sizes, and loading as upright RGB."""

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
"""File endings that count as images when a folder is listed, in lower case."""

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
"""Markers of a JPEG file."""

_SIXTEEN_TO_EIGHT_BITS = 257  # 65535 / 255


@dataclass(frozen=True)
class ImageHeader:
    """Size and orientation of an image file, from its header.

    Attributes:
        stored_size: (height, width) of the pixels in the file.
        orientation: EXIF orientation, 1..8; 1 if the file has none.
    """

    stored_size: tuple[int, int]
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """(height, width) of the upright image."""
        return oriented_size(self.stored_size, self.orientation)


def load_image(path: Path | str) -> np.ndarray:
    """Load an image as upright RGB.

    The EXIF orientation is applied. Gray, palette, CMYK and 16-bit images become 8-bit RGB, an
    alpha channel is dropped, and the first frame of an animation is read.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image, or is cut off.
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
    """Read size and orientation of an image without decoding its pixels.

    Args:
        path: the file.

    Returns:
        Its header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image.
    """
    with _opened(path) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
        known = orientation if orientation in range(1, 9) else UPRIGHT
        return ImageHeader(stored_size=(image.height, image.width), orientation=known)


def upright_size(path: Path | str) -> tuple[int, int]:
    """Read the size of the upright image without decoding its pixels.

    Args:
        path: the file.

    Returns:
        (height, width).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image.
    """
    return read_header(path).upright_size


def list_images(source: Path | str | Sequence[Path | str]) -> list[Path]:
    """List the image files of a folder, or of a list of files and folders.

    Folders are searched with their sub-folders; hidden files are left out. A file that is named
    itself is taken whatever its ending.

    Args:
        source: a folder, a file, or several of them.

    Returns:
        The files, sorted, each once.

    Raises:
        FileNotFoundError: a file or folder does not exist.
        ValueError: there is no image in them.
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
    """Open a file with Pillow; errors of the decoder become one-line messages."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such image file. Check the folder of images.")
    try:
        with Image.open(path) as image:
            yield image
    # These are the errors that Pillow's decoders raise for damaged files.
    except (OSError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path}: cannot be read as an image ({error}). The file is damaged, cut off or of "
            "another kind: replace it, or drop the image from the list."
        ) from error


def _decode_plain_jpeg(image: Image.Image, path: Path | str) -> np.ndarray | None:
    """Decode a plain JPEG with OpenCV to (H, W, 3) uint8 RGB; None for any other file.

    This takes half of Pillow's time. Both use libjpeg-turbo and give the same pixels. But OpenCV
    invents the missing part of a file that was cut off, and converts other color spaces in its own
    way; Pillow decodes those files.
    """
    if image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) != UPRIGHT:
        return None
    content = Path(path).read_bytes()
    # A scan contains no marker, and a thumbnail lies before the image's own scan.
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
        # Pillow would clip at 255 instead of scaling. 16-bit PNGs also have mode "I".
        values = np.asarray(image, np.int64)
        gray = np.clip(np.rint(values / _SIXTEEN_TO_EIGHT_BITS), 0, 255).astype(np.uint8)
        return Image.fromarray(gray).convert("RGB")
    if image.mode == "F":
        raise ValueError(
            f"{path}: expected 8 or 16 bits per channel, found floating point values, whose range "
            "is unknown. Save the image with 8 bits per channel."
        )
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns if this step is left out
    return image.convert("RGB")
