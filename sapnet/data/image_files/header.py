"""Sizes and orientations of image files, from their headers, and the door to their pixels."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from sapnet.data.image_files.address import Window, file_of, is_part, parse_address
from sapnet.data.image_files.limit import apply_limit, max_pixels
from sapnet.data.image_files.listing import readable_suffixes
from sapnet.data.image_files.raster import raster_size
from sapnet.data.orientation import UPRIGHT, oriented_size

_PNG_SIGNATURE_BYTES, _PNG_CHECKSUM_BYTES = 8, 4


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
        with opened_image(path) as image:
            return ImageHeader((image.height, image.width), orientation_of(image))
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


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an open image; 1 for a senseless one."""
    # Pillow decodes all of a PNG to find tags behind its pixels, which hardly any file has.
    exif = image.getexif() if _may_have_late_tags(image) else Image.Image.getexif(image)
    found = exif.get(ExifTags.Base.Orientation, UPRIGHT)
    return int(found) if found in range(1, 9) else UPRIGHT


def _may_have_late_tags(image: Image.Image) -> bool:
    """Return False for a PNG file of which nothing but the end follows the pixels."""
    name = getattr(image, "filename", "")
    if image.format != "PNG" or not name:
        return True
    with Path(name).open("rb") as file:
        file.seek(_PNG_SIGNATURE_BYTES)
        kinds: list[bytes] = []
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            kinds.append(kind)
            file.seek(length + _PNG_CHECKSUM_BYTES, 1)
    pixels = kinds.index(b"IDAT") if b"IDAT" in kinds else len(kinds)
    return set(kinds[pixels:]) != {b"IDAT", b"IEND"}


@contextmanager
def opened_image(path: Path | str) -> Iterator[Image.Image]:
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
        raise unreadable(path, error) from error


def unreadable(path: Path | str, error: Exception) -> ValueError:
    """Return the error for a file that cannot be decoded, in one line."""
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


def check_inside(window: Window, size: tuple[int, int], path: Path) -> None:
    """Raise a ValueError for a window that leaves an image of a size (height, width)."""
    height, width = size
    if window.x + window.width > width or window.y + window.height > height:
        raise ValueError(
            f"{path}: expected a window inside of {width} x {height} px, found x = {window.x}, y = "
            f"{window.y}, {window.width} x {window.height} px. Is it another image than was cut "
            "into tiles?"
        )
