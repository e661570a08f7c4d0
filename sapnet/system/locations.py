"""Locations of files: local paths, and URLs of any scheme of fsspec (`s3://...`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Location: TypeAlias = "str | Path"
"""A local path, or a URL as text. (A `Path` would drop one of the slashes after `s3:`.)"""

CACHE_VARIABLE = "SAPNET_CACHE"
"""Environment variable that names the folder of copies; `~/.cache/sapnet` where it is not set."""

_LOCAL = ("file://", "local://")


def cache_folder() -> Path:
    """Return the folder of what is kept on this machine: copies, and decoded images."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sapnet"


def as_location(place: Location) -> Location:
    """Return a `Path` for a local location, including `file://` URLs, else the URL as text."""
    text = str(place)
    for protocol in _LOCAL:
        if text.startswith(protocol):
            return Path(text.removeprefix(protocol))
    return text.rstrip("/") if "://" in text else Path(place)


def is_remote(place: Location) -> bool:
    """Return True if a location is a URL that is not a file of this machine."""
    return isinstance(as_location(place), str)


def join(folder: Location, name: str) -> Location:
    """Return the location of a name in a folder; a name that is a URL is returned unchanged."""
    if "://" in name:
        return as_location(name)
    folder = as_location(folder)
    return f"{folder}/{name}" if isinstance(folder, str) else folder / name


def file_system(url: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, and the URL's path in it.

    Raises:
        ValueError: fsspec does not know the protocol, or its package is not installed.
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
    """Yield a local path of a file: the path itself, or a temporary copy for a URL.

    Raises:
        FileNotFoundError: there is no file at the URL. (Local paths are not checked.)
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
