"""The images of a folder by name, with the problems of those that cannot be read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.header import whole_size
from sapnet.data.image_files.inside import leaves_folder, link_outside, outside_words
from sapnet.data.image_files.listing import find_images
from sapnet.data.image_files.parts import check_bands_of
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.left_out import LeftOutImage

logger = logging.getLogger(__name__)

_HEADER_THREADS = 8
"""Threads that read image headers in parallel: on a network drive, each read waits."""


@dataclass(frozen=True)
class ListedImage:
    """An image of the folder.

    Attributes:
        name: path below the folder, with forward slashes; the image's key everywhere.
        path: the file, or its address with a choice of bands.
        width: width of the upright image in pixels, 0 if it cannot be read.
        height: height of the upright image in pixels, 0 if it cannot be read.
        stamp: time of the file's last change, nanoseconds; part of the addresses that browsers
            cache.
        problem: the reason why it cannot be read, empty if it can.
    """

    name: str
    path: Path
    width: int
    height: int
    stamp: int = 0
    problem: str = ""


class ImageListing:
    """Images by name: a request can name only listed images, never a path of its own.

    Args:
        images: the images, in the order of the page.
    """

    def __init__(self, images: Iterable[ListedImage]) -> None:
        self._images = {image.name: image for image in images}

    def __iter__(self) -> Iterator[ListedImage]:
        return iter(list(self._images.values()))

    def __len__(self) -> int:
        return len(self._images)

    def __contains__(self, name: str) -> bool:
        return name in self._images

    def __getitem__(self, name: str) -> ListedImage:
        return self._images[name]

    @property
    def left_out(self) -> tuple[LeftOutImage, ...]:
        """The images with a problem, which cannot be clicked, in the order of the page."""
        return tuple(
            LeftOutImage(image.name, image.problem.removeprefix(f"{image.path}: "))
            for image in self
            if image.problem
        )

    def check(self, skip_errors: bool) -> None:
        """Check that the images can be read.

        Args:
            skip_errors: one image that can be read is enough.

        Raises:
            ValueError: an image has a problem; or every one has, with `skip_errors`.
        """
        bad = [image for image in self if image.problem]
        if not bad or (skip_errors and len(bad) < len(self)):
            return
        hint = "" if len(bad) == len(self) else " (--skip-errors leaves such images out.)"
        raise ValueError(
            f"{len(bad)} of {len(self)} images cannot be used; the first: {bad[0].problem}{hint}"
        )

    def report(self, name: str, problem: str) -> None:
        """Record a problem that showed when the pixels of an image were read."""
        self._images[name] = replace(self._images[name], problem=problem)


def list_folder(
    folder: Path, known: Iterable[ImageRecord] = (), bands: Sequence[int] | None = None
) -> ImageListing:
    """List a folder and read the size of each image.

    Args:
        folder: folder of the images; sub-folders are searched.
        known: images of an existing clicks file; those that are missing from the folder are
            listed with a problem, so that their clicks are shown and kept.
        bands: numbers of the bands that are shown, from 1 on; None for the files' own.

    Returns:
        The images, sorted by name.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the folder holds no image.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. Name a folder of images.")
    files = find_images(folder)
    if line := files.left_out_line():
        logger.info("%s", line)
    paths = files.paths
    with ThreadPoolExecutor(_HEADER_THREADS) as executor:
        listed = executor.map(lambda path: _read(folder, path, bands), paths)
        images = {
            image.name: image
            for image in tqdm(listed, "images", total=len(paths), unit="image", leave=False)
        }
    for record in known:
        if record.file_name not in images:
            images[record.file_name] = ListedImage(
                record.file_name,
                folder / record.file_name,
                record.width,
                record.height,
                problem=outside_words(record.file_name)
                if leaves_folder(record.file_name)
                else f"{record.file_name} is listed in the clicks file, but not in {folder}",
            )
    return ImageListing(sorted(images.values(), key=lambda image: image.name))


def _read(folder: Path, path: Path, bands: Sequence[int] | None) -> ListedImage:
    name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")
    try:
        if name != path.relative_to(folder).as_posix():
            raise ValueError(f"{name}: its name is not UTF-8. Rename the file.")
        if outside := link_outside(folder, path):
            raise ValueError(
                f"{name} is a link that leads out of the folder, to {outside}. Copy the file, or "
                "open the folder that it is in."
            )
        height, width = whole_size(path)
        check_bands_of(path, bands)
        shown = with_bands(path, bands)
        return ListedImage(name, shown, width, height, path.stat().st_mtime_ns)
    except (ValueError, OSError) as error:
        return ListedImage(name, path, 0, 0, problem=str(error))
