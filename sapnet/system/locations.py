"""Local paths and object storage alike: `s3://bucket/folder`, `gs://...`, whatever fsspec knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Location: TypeAlias = "str | Path"
"""A local path, or a URL as text. (A `Path` would swallow one of the slashes after `s3:`.)"""

_LOCAL = ("file://", "local://")


def as_location(place: Location) -> Location:
    """A `Path` for everything local, `file://` included; text for a URL."""
    text = str(place)
    for protocol in _LOCAL:
        if text.startswith(protocol):
            return Path(text.removeprefix(protocol))
    return text.rstrip("/") if "://" in text else Path(place)


def is_remote(place: Location) -> bool:
    """Whether a location is a URL of something else than this machine's files."""
    return isinstance(as_location(place), str)


def join(folder: Location, name: str) -> Location:
    """The location of a name inside a folder; a name that is a whole location stays one."""
    if "://" in name:
        return as_location(name)
    folder = as_location(folder)
    return f"{folder}/{name}" if isinstance(folder, str) else folder / name


def file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a URL, and the URL's path in it.

    Raises:
        ValueError: fsspec does not know the protocol, or the package that speaks it is missing.
    """
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        protocol = url.partition("://")[0]
        raise ValueError(
            f"{url}: cannot be reached ({error}). Install the fsspec package for {protocol}://, "
            "for instance s3fs for s3:// or gcsfs for gs://, or give a local path."
        ) from error
    return system, path


@contextmanager
def local_file(place: Location) -> Iterator[Path]:
    """A file as a local path: itself, or for a URL a copy that lives as long as the context.

    Raises:
        FileNotFoundError: nothing is at the URL. (A local file is not looked at.)
        ValueError: the URL cannot be reached.
    """
    place = as_location(place)
    if isinstance(place, Path):
        yield place
        return
    system, path = file_system(place)
    with TemporaryDirectory(prefix="sapnet-") as folder:
        copy = Path(folder) / PurePosixPath(path).name
        try:
            copy.write_bytes(system.cat_file(path))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{place}: no such file. Check the URL.") from error
        yield copy
