"""The images of a prediction: folders, files and URLs, and their names and ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from sapnet.data.image_files.listing import ImageFiles, find_images
from sapnet.structures.left_out import LeftOutImage
from sapnet.system.locations import Location, as_location, is_remote, local_file

LARGEST_NUMBER = 2**53
"""Largest number in a file name that becomes an id: beyond it, other json readers lose digits."""


@contextmanager
def opened_sources(
    images: Location | Sequence[Location], unfetched: list[LeftOutImage] | None = None
) -> Iterator[ImageFiles]:
    """Find the images of folders and lists; those of URLs are fetched for the context.

    Args:
        images: a folder, a file or the URL of an image, or several of them.
        unfetched: collects URLs that cannot be fetched; None stops at the first one.

    Raises:
        FileNotFoundError: a file, a folder or a URL does not exist.
        ValueError: there is no image, URLs and local files are mixed, a URL cannot be fetched, or
            two URLs end in one name.
    """
    places = [images] if isinstance(images, str | Path) else list(images)
    remote = [str(place) for place in places if is_remote(place)]
    if not remote:
        yield find_images([Path(as_location(place)) for place in places])
        return
    if len(remote) < len(places):
        raise ValueError(
            f"images: expected either URLs or local files, found both, such as {remote[0]}. "
            "Predict them one kind after the other."
        )
    with TemporaryDirectory(prefix="sapnet-") as folder:
        paths = []
        for url in dict.fromkeys(remote):
            target = _target(url, Path(folder))
            try:
                _fetch(url, target)
            except (FileNotFoundError, ValueError) as error:
                if unfetched is None:
                    raise
                unfetched.append(LeftOutImage(url, str(error).removeprefix(f"{url}: ")))
            else:
                paths.append(target)
        if unfetched and not paths:
            raise ValueError(f"{unfetched[0].file_name}: {unfetched[0].reason}")
        yield ImageFiles(tuple(paths), Path(folder))


def _target(url: str, folder: Path) -> Path:
    """Return the file of an image in a folder, named by the last part of its URL."""
    target = folder / (PurePosixPath(url.partition("?")[0]).name or "image")
    if target.exists():
        raise ValueError(
            f"{url}: another URL ends in {target.name!r}, too. Predict them one by one."
        )
    return target


def _fetch(url: str, target: Path) -> None:
    """Fetch an image to a file."""
    try:
        with local_file(url) as copy:
            target.write_bytes(copy.read_bytes())
    except (FileNotFoundError, ValueError):
        raise
    except Exception as error:  # each protocol's client raises its own
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(
            f"{url}: cannot be fetched ({reason}). Check the URL and the connection, or save the "
            "image and name the file."
        ) from error


def image_ids(names: Sequence[str]) -> list[int]:
    """Return the ids of images: the numbers in their names, else their places from 1.

    Args:
        names: all names, in the order in which the images are predicted.

    Returns:
        One id per image, no two alike.
    """
    stems = [PurePosixPath(name).stem for name in names]
    if all(stem.isascii() and stem.isdigit() for stem in stems):
        numbers = [int(stem) if len(stem) < 20 else LARGEST_NUMBER for stem in stems]
        if len(set(numbers)) == len(numbers) and max(numbers, default=0) < LARGEST_NUMBER:
            return numbers
    return list(range(1, len(names) + 1))


def picture_names(names: Sequence[str]) -> list[str]:
    """Name the picture of each image, no two alike even where letter case does not count.

    Args:
        names: paths of the images below their folder.

    Returns:
        The stem where it is the only one of its kind, else the whole path with its ending.
    """
    chosen = [PurePosixPath(name).stem for name in names]
    while True:
        counts = Counter(name.casefold() for name in chosen)
        unique = [
            made if counts[made.casefold()] == 1 else name
            for made, name in zip(chosen, names, strict=True)
        ]
        if unique == chosen:
            return chosen
        chosen = unique
