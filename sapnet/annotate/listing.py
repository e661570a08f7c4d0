"""The images of a folder by their names, with what is wrong with those that cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from sapnet.data.images import list_images, upright_size
from sapnet.structures.clicks import ImageRecord

_HEADER_THREADS = 8
"""Headers are read side by side: on a network drive each waits for the network."""


@dataclass(frozen=True)
class ListedImage:
    """An image of the folder.

    Attributes:
        name: path below the folder, with forward slashes; the image's key everywhere.
        path: the file.
        width: of the upright image in pixels, 0 where it cannot be read.
        height: likewise.
        stamp: time of the file's last change, nanoseconds; part of what browsers may keep.
        problem: why it cannot be read, empty where it can.
    """

    name: str
    path: Path
    width: int
    height: int
    stamp: int = 0
    problem: str = ""


class ImageListing:
    """Images by name: a request can name only what was listed, never a path of its own.

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

    def report(self, name: str, problem: str) -> None:
        """Keeps what turned out to be wrong with an image when its pixels were read."""
        self._images[name] = replace(self._images[name], problem=problem)


def list_folder(folder: Path, known: Iterable[ImageRecord] = ()) -> ImageListing:
    """Lists a folder and reads the size of each image.

    Args:
        folder: the images; sub-folders are searched.
        known: images of an existing clicks file; those that the folder lacks are listed with a
            problem, so that their clicks are seen and kept.

    Returns:
        The images by name, sorted.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if there is no image in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. Name a folder of images.")
    paths = list_images(folder)
    with ThreadPoolExecutor(_HEADER_THREADS) as executor:
        listed = executor.map(lambda path: _read(folder, path), paths)
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
                problem=f"{record.file_name} is listed in the clicks file, but not in {folder}",
            )
    return ImageListing(sorted(images.values(), key=lambda image: image.name))


def _read(folder: Path, path: Path) -> ListedImage:
    name = path.relative_to(folder).as_posix()
    try:
        height, width = upright_size(path)
        return ListedImage(name, path, width, height, path.stat().st_mtime_ns)
    except (ValueError, OSError) as error:
        return ListedImage(name, path, 0, 0, problem=str(error))
