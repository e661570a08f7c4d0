"""Examination of image files: unreadable files, unusual ones, and duplicates."""

from __future__ import annotations

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from sapnet.data.clicked_images import is_listed_as_stored
from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.depth import FULL_DEPTH, find_depth, is_deep
from sapnet.data.image_files.header import ImageHeader, read_header
from sapnet.data.image_files.inside import leaves_folder
from sapnet.data.image_files.limit import max_pixels
from sapnet.data.image_files.raster import raster_size
from sapnet.data.images import load_image
from sapnet.data.orientation import UPRIGHT
from sapnet.data.problems import RecordError
from sapnet.data.tiles.advice import advise_tiles
from sapnet.doctor.finding import Finding
from sapnet.doctor.names import Folder
from sapnet.structures.clicks import Click, ImageRecord
from sapnet.system.processes.parallel import num_cores

HUGE_PIXELS = 36_000_000
"""Pixels from which an image is reported: 8000 x 4500 px take a third of a second to read, and are
shrunk to a tenth of their side."""

DARK_LEVEL = 16
"""Largest level, of 255, of a dark image: such a 16-bit image uses 12 or fewer of its 16 bits."""

_KEEPS_SIZE = frozenset({2, 3, 4})  # EXIF orientations that do not swap the sides

_MODES = {
    "L": "grayscale: its values are repeated in all three channels.",
    "1": "black and white: its values are repeated in all three channels.",
    "LA": "grayscale with alpha: the alpha channel is dropped.",
    "P": "palette: its colours are looked up.",
    "CMYK": "CMYK: converted to RGB without its colour profile, so that colours may shift.",
    "RGBA": "alpha: the channel is dropped, and what lies under transparent pixels shows.",
}
"""Conversions of `load_image`, by Pillow's mode."""


@dataclass(frozen=True)
class Reading:
    """Settings of the reading of the images.

    Attributes:
        decode: True to read the pixels too; otherwise truncated files are not detected.
        bits: bit depth of images of more than 8 bits; None for that of their largest value.
        bands: numbers of the bands that are read, from 1 on; empty for the files' own.
    """

    decode: bool = True
    bits: int | None = None
    bands: tuple[int, ...] = ()


@dataclass(frozen=True)
class ImageFile:
    """A listed image and its file.

    Attributes:
        record: the image as listed.
        header: header of the file, None if it cannot be read.
        is_stored: True if it is listed with the size before its EXIF turn.
        digest: digest of the file's bytes; empty if it cannot be read.
        findings: findings on this file.
    """

    record: ImageRecord
    header: ImageHeader | None
    is_stored: bool
    digest: bytes
    findings: tuple[Finding, ...]


def examine_images(
    images: Sequence[ImageRecord], root: Path, reading: Reading | None = None
) -> tuple[ImageFile, ...]:
    """Examine every listed image file.

    Args:
        images: the listed images.
        root: the folder that names are relative to.
        reading: of their pixels.

    Returns:
        One entry per image, in order.
    """
    from tqdm import tqdm

    folder = Folder(root)
    reading = reading or Reading()
    if reading.decode and reading.bits is None:
        bits = find_depth(root / image.file_name for image in images)
        reading = replace(reading, bits=bits)
    look = partial(_examine, folder=folder, reading=reading)
    with warnings.catch_warnings(), ThreadPoolExecutor(num_cores()) as pool:
        # Huge images are reported as findings.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        found = pool.map(look, images)
        files = tuple(tqdm(found, total=len(images), desc="images", unit="image", disable=None))
    unlisted = folder.unlisted(images)
    if not unlisted or not files:
        return files
    shown = ", ".join(unlisted[:3]) + (", ..." if len(unlisted) > 3 else "")
    message = f"{len(unlisted)} images of the folder are not listed, and not used: {shown}"
    last = files[-1]
    extra = Finding("note", "images not listed", message, place=str(root))
    return (*files[:-1], ImageFile(**{**vars(last), "findings": (*last.findings, extra)}))


def check_same_content(files: Sequence[ImageFile]) -> Iterator[Finding]:
    """Find files with different names and identical bytes."""
    by_digest: dict[bytes, list[ImageRecord]] = defaultdict(list)
    for file in files:
        if file.digest:
            by_digest[file.digest].append(file.record)
    for members in by_digest.values():
        if len({image.file_name for image in members}) > 1:
            names = ", ".join(image.file_name for image in members)
            yield Finding(
                "warning",
                "image there twice",
                f"{names} are the same picture: each is trained on as if the objects of the others "
                "were background. Keep one.",
                place=f"image {members[-1].image_id} ({members[-1].file_name})",
                image_id=members[-1].image_id,
            )


def _examine(record: ImageRecord, folder: Folder, reading: Reading) -> ImageFile:
    path = folder.root / record.file_name
    if leaves_folder(record.file_name) or not path.is_file():
        return ImageFile(record, None, False, b"", (folder.missing(record),))
    place = f"image {record.image_id} ({record.file_name})"

    def finding(entry: tuple[str, str, str]) -> Finding:
        severity, kind, message = entry
        return Finding(severity, kind, message, place, record.image_id)  # type: ignore[arg-type]

    header, is_stored = None, False
    entries: list[tuple[str, str, str]] = []
    size = raster_size(path)
    is_vast = size is not None and size[0] * size[1] > max_pixels()
    try:
        header = ImageHeader(size, UPRIGHT) if is_vast and size else read_header(path)
        is_stored = is_listed_as_stored(record, header, path)
    except RecordError as error:
        entries.append(("error", error.kind, _swapped_size(record, header) + error.detail))
    except ValueError as error:
        message = str(error).removeprefix(f"{path}: ")
        return ImageFile(
            record, None, False, b"", (finding(("error", "unreadable image", message)),)
        )
    entries += [*_about_turn(header, is_stored), *_about_kind(path, reading.bits)]
    if reading.decode and not is_vast:
        entries += _about_pixels(path, reading)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "blake2b").digest()
    return ImageFile(record, header, is_stored, digest, tuple(map(finding, entries)))


def _swapped_size(record: ImageRecord, header: ImageHeader | None) -> str:
    """Return a remark if width and height are swapped in the list, else an empty text."""
    if header is not None and (record.width, record.height) == header.upright_size:
        return "width and height are swapped. "
    return ""


def _about_turn(header: ImageHeader | None, is_stored: bool) -> Iterator[tuple[str, str, str]]:
    if header is None or header.orientation == UPRIGHT:
        return
    number = header.orientation
    if is_stored:
        message = "listed with the size before the turn, so that its coordinates are turned along."
    elif number in _KEEPS_SIZE:
        message = "the sizes before and after are equal: coordinates are taken as upright. Look at "
        message += "the picture."
    else:
        message = "read upright, and so are its coordinates."
    severity = "warning" if number in _KEEPS_SIZE else "note"
    yield severity, "EXIF orientation", f"EXIF orientation {number}: {message}"


def _about_kind(path: Path, bits: int | None) -> Iterator[tuple[str, str, str]]:
    """Yield remarks on unusual properties of the file, from its header."""
    size = raster_size(path)
    if size is not None and size[0] * size[1] >= HUGE_PIXELS:
        yield _huge(size[0] * size[1])
        return
    try:
        image_file = Image.open(path)
    except (OSError, Image.DecompressionBombError):  # read without Pillow
        return
    with image_file as image:
        mode, frames = image.mode, getattr(image, "n_frames", 1)
        pixels, kind = image.width * image.height, str(image.format)
        has_alpha = "transparency" in image.info and mode != "RGBA"
        suffixes = [end for end, known in Image.registered_extensions().items() if known == kind]
        deep = is_deep(image)
    if deep:
        top = (1 << (bits or FULL_DEPTH)) - 1
        message = f"16 bits: the values 0 to {top} become 0 to 255, as in all images of the set."
        yield "note", "16-bit image", message
    elif mode in _MODES:
        name, _, _ = _MODES[mode].partition(":")
        yield "note", f"{name} image", _MODES[mode]
    elif mode not in ("RGB", "F"):
        yield "note", f"{mode} image", f"Pillow's mode {mode}: converted to RGB."
    if has_alpha:
        yield "note", "alpha image", _MODES["RGBA"]
    if frames > 1 and kind != "MPO":
        yield "note", "several frames", f"{frames} frames: the first one is used."
    if kind != "MPO" and path.suffix.lower() not in suffixes:
        yield "note", "ending and content differ", f"the content is {kind}; it is read as such."
    if pixels >= HUGE_PIXELS:
        yield _huge(pixels)


def _huge(pixels: int) -> tuple[str, str, str]:
    return (
        "note",
        "huge image",
        f"{pixels / 1e6:.0f} million pixels: slow to read, and small objects vanish when it is "
        "shrunk for the network. --tile reads it in windows.",
    )


def _about_pixels(path: Path, reading: Reading) -> Iterator[tuple[str, str, str]]:
    """Yield problems that show when the pixels are read."""
    try:
        pixels = load_image(with_bands(path, reading.bands), reading.bits)
    except ValueError as error:
        yield "error", "unreadable image", str(error).removeprefix(f"{path}: ")
        return
    lowest, highest = int(pixels.min()), int(pixels.max())
    if lowest == highest:
        yield "warning", "blank image", f"all pixels are {lowest}. Replace it, or drop it."
    elif highest <= DARK_LEVEL and _is_sixteen_bit(path):
        yield (
            "warning",
            "dark 16-bit image",
            f"its brightest pixel becomes {highest} of 255: it uses a part of the bits of the data "
            "set only. Is it of another camera? Convert it to the depth of the others.",
        )


def _is_sixteen_bit(path: Path) -> bool:
    with Image.open(path) as image:
        return is_deep(image)


def check_tiles(images: Sequence[ImageRecord], clicks: Sequence[Click]) -> Iterator[Finding]:
    """Advise windows for large images with small objects.

    Args:
        images: the listed images.
        clicks: their valid clicks.
    """
    advice = advise_tiles(images, clicks)
    if advice is not None:
        yield Finding(
            "note",
            "large images, small objects",
            f"{advice.reason}. `sapnet propose` and `sapnet run` read them in windows, as with "
            f"--tile {advice.size}, unless --tile 0 is given.",
        )


def median_side(images: Sequence[ImageRecord]) -> str:
    """Return the median size of the images, in words."""
    if not images:
        return "none"
    sides = np.array([(image.width, image.height) for image in images])
    width, height = np.median(sides, axis=0)
    return f"{width:.0f} x {height:.0f} px"
