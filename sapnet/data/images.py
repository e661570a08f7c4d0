"""Listing of image files, reading of their sizes, and loading as upright RGB."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from sapnet.data.image_files.limit import apply_limit, max_pixels
from sapnet.data.image_files.listing import find_images, readable_suffixes
from sapnet.data.image_files.parts import check_inside, load_part, load_smaller, raster_size
from sapnet.data.orientation import UPRIGHT, orient_mask, oriented_size

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
"""Markers of a JPEG file."""

_IN_MEMORY = "image"


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
    """Load all of an image at a smaller size, without ever holding all of a large one.

    Args:
        path: the file, or its address with a choice of bands and without a window.
        size: wanted (height, width) of the upright image, not larger than the image.
        bits: as in `load_image`.

    Returns:
        The upright image, RGB, of that size.

    Raises:
        FileNotFoundError, ValueError: as in `load_image`.
    """
    try:
        return load_smaller(parse_address(path), size, bits, partial(_load_whole, bits=bits))
    except OSError as error:
        raise _unreadable(file_of(path), error) from error


def _load_part(address: ImageAddress, bits: int | None) -> np.ndarray:
    try:
        return load_part(address, bits, partial(_load_whole, bits=bits))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(address.file, error) from error


def _load_whole(path: Path | str, bits: int | None) -> np.ndarray:
    with _opened(path) as image:
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
        return np.ascontiguousarray(orient_mask(color, _orientation(image)))
    return np.array(_to_rgb(ImageOps.exif_transpose(image), place))


def read_header(path: Path | str) -> ImageHeader:
    """Read size and orientation of an image without decoding its pixels.

    Args:
        path: the file, or the address of a part of it, whose size is then that of the part.

    Returns:
        Its header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read as an image.
    """
    address = parse_address(path)
    if is_part(path):
        size = whole_size(address.file)
        if address.window is not None:
            check_inside(address.window, size, Path(address.file))
            size = address.window.height, address.window.width
        return ImageHeader(size, UPRIGHT)
    try:
        with _opened(path) as image:
            return ImageHeader((image.height, image.width), _orientation(image))
    except ValueError:
        found = raster_size(Path(path))
        if found is None or found[0] * found[1] > max_pixels():
            raise
        return ImageHeader(found, UPRIGHT)


def whole_size(path: Path | str) -> tuple[int, int]:
    """Read the size of the upright image in a file, which may be larger than the limit.

    The limit of pixels is for what is decoded at a time. It holds for files that have to be decoded
    as a whole, and not for those whose windows can be read alone.

    Args:
        path: the file, or an address of a part of it.

    Returns:
        (height, width).

    Raises:
        FileNotFoundError, ValueError: as in `read_header`.
    """
    file = file_of(path)
    return raster_size(file) or read_header(file).upright_size


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
    with _opened(file) as image:
        return is_deep(image)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 for a senseless one."""
    found = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    return int(found) if found in range(1, 9) else UPRIGHT


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

    Args:
        source: as in `find_images`, which also says what is left out.

    Returns:
        The files, sorted, each once.

    Raises:
        FileNotFoundError: a file or folder does not exist.
        ValueError: there is no image in them.
    """
    return list(find_images(source).paths)


@contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    """Open a file with Pillow; errors of the decoder become one-line messages."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such image file. Check the folder of images.")
    apply_limit()
    readable_suffixes()  # which lets Pillow read HEIC, where it can
    try:
        with Image.open(path) as image:
            _check_size(image.width * image.height, path)
            yield image
    except Image.DecompressionBombError as error:
        raise _too_large(path, error) from error
    # These are the errors that Pillow's decoders raise for damaged files.
    except (OSError, SyntaxError, EOFError, struct.error, OverflowError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path | str, error: Exception) -> ValueError:
    return ValueError(
        f"{path}: cannot be read as an image ({_reason(error, path)}). The file is damaged, "
        "cut off or of another kind: replace it, or drop the image from the list."
    )


def _reason(error: Exception, path: Path | str) -> str:
    """Return what a decoder says, without the path that the message begins with."""
    text = str(error).strip() or type(error).__name__
    for spelling in (repr(str(path)), str(path)):
        text = text.replace(f" {spelling}", "")
    return text


def _check_size(pixels: int, path: Path | str) -> None:
    if pixels > max_pixels():
        raise _too_large(path, f"{pixels} pixels")


def _too_large(path: Path | str, found: object) -> ValueError:
    size = re.search(r"\d+", str(found))
    return ValueError(
        f"{path}: too large: {int(size[0]) / 1e6 if size else 0:.0f} million pixels, and the limit "
        f"is {max_pixels() / 1e6:.0f} million. The file may be sound: raise the limit with "
        f"--max-pixels {size[0] if size else ''}, read it in windows with --tile where the command "
        "has it (TIFF needs no higher limit then), or reduce it."
    )


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
