"""Loading of images and of parts of images as upright RGB."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from sapnet.data.image_files.address import ImageAddress, file_of, is_part, parse_address
from sapnet.data.image_files.depth import (
    DEPTHS,
    deep_values,
    has_deep_channels,
    is_deep,
    raster_depth,
    to_bytes,
)
from sapnet.data.image_files.header import opened_image, orientation_of, read_header, unreadable
from sapnet.data.image_files.limit import max_pixels
from sapnet.data.image_files.parts import load_part, load_smaller
from sapnet.data.image_files.raster import raster_size
from sapnet.data.orientation import UPRIGHT, orient_mask

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
"""Markers of a JPEG file."""

DECODED_PIXELS = 50_000_000
"""Pixels of an image that may be decoded as a whole again and again. Larger ones are decoded once,
to a file on disk, if they cannot be read in windows."""

_IN_MEMORY = "image"


def load_image(path: Path | str, bits: int | None = None) -> np.ndarray:
    """Load an image, or a part of one, as upright RGB.

    The EXIF orientation is applied. Gray, palette, CMYK and 16-bit images become 8-bit RGB, an
    alpha channel is dropped, and the first frame of an animation is read.

    Args:
        path: the file, or the address of a part of it (see `ImageAddress`).
        bits: bit depth of the values in files of more than 8 bits, the same for all images of a
            data set (see `find_depth`); None for the 16 bits of the file.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image, is cut off or too large, or has values of more
            bits.
    """
    if is_part(path):
        return _load_part(parse_address(path), bits)
    try:
        return _load_whole(path, bits)
    except ValueError:
        size = raster_size(Path(path))
        if size is None or size[0] * size[1] > max_pixels():
            raise
    return _load_part(ImageAddress(str(path)), bits)  # bands or layouts that Pillow does not know


def load_reduced(path: Path | str, size: tuple[int, int], bits: int | None = None) -> Image.Image:
    """Load all of an image at a smaller size, without ever holding all of a vast one.

    JPEGs are decoded at 1/2, 1/4 or 1/8, which is many times faster; TIFF is read from its pyramid,
    or a few rows at a time.

    Args:
        path: the file, or its address with a choice of bands and without a window.
        size: wanted (height, width) of the upright image, not larger than the image.
        bits: as in `load_image`.

    Returns:
        The upright image, RGB, of that size.

    Raises:
        FileNotFoundError, ValueError: as in `load_image`.
    """
    if not is_part(path) and raster_size(Path(path)) is None:
        if (image := _decode_fraction(path, max(size))) is not None:
            return shrink(image, size)
        height, width = read_header(path).upright_size
        if height * width <= DECODED_PIXELS:
            return shrink(_load_whole(path, bits), size)
    try:
        return load_smaller(parse_address(path), size, bits, partial(_load_whole, bits=bits))
    except OSError as error:
        raise unreadable(file_of(path), error) from error


def shrink(pixels: np.ndarray | Image.Image, size: tuple[int, int]) -> Image.Image:
    """Shrink an image.

    Args:
        pixels: (H, W, 3) uint8, or the same as an image.
        size: (height, width), not larger.
    """
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    height, width = size
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _decode_fraction(path: Path | str, side: int) -> Image.Image | None:
    """Decode a JPEG to a long side of at least `side` pixels; None for other or damaged files."""
    try:
        with Image.open(path) as image:
            if image.format != "JPEG" or image.mode not in ("RGB", "L"):
                return None
            factor = side / max(image.size)
            image.draft("RGB", (round(image.width * factor), round(image.height * factor)))
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return None  # another way to read it then raises an error that explains the problem


def _load_part(address: ImageAddress, bits: int | None) -> np.ndarray:
    try:
        return load_part(address, bits, partial(_load_whole, bits=bits))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(address.file, error) from error


def _load_whole(path: Path | str, bits: int | None) -> np.ndarray:
    with opened_image(path) as image:
        if (pixels := _decode_plain_jpeg(image, path)) is not None:
            return pixels
        return image_pixels(image, path, bits)


def image_pixels(
    image: Image.Image, place: Path | str = _IN_MEMORY, bits: int | None = None
) -> np.ndarray:
    """Convert an open image of any mode to upright 8-bit RGB, as `load_image` does.

    Args:
        image: an image of Pillow.
        place: its file, or its name in error messages.
        bits: as in `load_image`.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous and writable.

    Raises:
        ValueError: the image has floating point values, or values of more bits.
    """
    if is_deep(image) and not (has_deep_channels(image) and place == _IN_MEMORY):
        values = to_bytes(deep_values(image, place), bits, place)
        color = values if values.ndim == 3 else np.repeat(values[:, :, None], 3, axis=2)
        return np.ascontiguousarray(orient_mask(color, orientation_of(image)))
    return np.array(_to_rgb(ImageOps.exif_transpose(image), place))


def is_deep_file(path: Path | str) -> bool:
    """Return True if an image file has more than 8 bits of integers per channel.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image.
    """
    file = file_of(path)
    depth = raster_depth(file, exact=False)
    if depth is not None:
        return depth > DEPTHS[0]
    with opened_image(file) as image:
        return is_deep(image)


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
    if image.mode == "F":
        raise ValueError(
            f"{path}: expected 8 or 16 bits per channel, found floating point values, whose range "
            "is unknown. Save the image with 8 bits per channel."
        )
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns if this step is left out
    return image.convert("RGB")
