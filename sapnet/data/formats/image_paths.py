"""Resolution of image references (paths, URLs) to files of the image folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from sapnet.data.image_files.header import ImageHeader, read_header
from sapnet.data.image_files.listing import list_images

_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")
"""Prefix that Label Studio adds to the name of an uploaded file."""


class ImageFolder:
    """The folder of images, which may be unknown.

    Args:
        folder: the folder; None if the images are not available, so that the names are taken from
            the references.
        path_map: (from, to) prefixes of references, tried in order before anything else.
    """

    def __init__(self, folder: Path | None, path_map: Sequence[tuple[str, str]] = ()) -> None:
        if folder is not None and not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder. Name the folder of the images.")
        self.folder = folder
        self.path_map = tuple(path_map)

    def file_name(self, reference: str) -> str | None:
        """Return the name of an image relative to the folder.

        The name is the longest ending of the reference's path that is a file of the folder; else
        the same without Label Studio's upload prefix; else the only file of that name in any
        sub-folder. Without a folder, it is the path itself if it is relative, else its last part.

        Args:
            reference: a path or URL.

        Returns:
            The name, with forward slashes; None if the folder has no such file.
        """
        mapped = self._mapped(reference)
        parts = (_path_of(reference) if mapped is None else mapped).parts
        if not parts:
            return None
        if self.folder is None:
            parts = tuple(part for part in parts if part not in ("..", "."))
            if not parts:
                return None
            is_local = mapped is not None or not _is_url(reference)
            is_relative = is_local and parts[0] != "/" and ":" not in parts[0]
            return "/".join(parts) if is_relative else parts[-1]
        parts = tuple(part for part in parts if part not in ("/", "..", "."))
        stripped = (*parts[:-1], _UPLOAD_PREFIX.sub("", parts[-1]))
        for candidate in dict.fromkeys((parts, stripped)):
            for start in range(len(candidate)):
                name = "/".join(candidate[start:])
                if _is_file(self.folder / name):
                    return name
        for name in (parts[-1], stripped[-1]):
            found = self._names_by_last_part.get(name, [])
            if len(found) == 1:
                return found[0]
        return None

    def header(self, name: str) -> ImageHeader | None:
        """Return size and orientation of a file of the folder; None if the folder is unknown.

        Raises:
            ValueError: the file cannot be read as an image.
        """
        return None if self.folder is None else read_header(self.folder / name)

    def _mapped(self, reference: str) -> PurePosixPath | None:
        """Apply the first matching entry of the path map; None if none matches."""
        for start, replacement in self.path_map:
            for spelling in (reference, unquote(reference)):
                if spelling.startswith(start):
                    rest = spelling[len(start) :]
                    rest = unquote(rest) if _is_url(reference) else rest
                    return PurePosixPath((replacement + rest).replace("\\", "/"))
        return None

    @cached_property
    def _names_by_last_part(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        if self.folder is not None:
            for path in list_images(self.folder):
                names.setdefault(path.name, []).append(path.relative_to(self.folder).as_posix())
        return names


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is longer than the file system allows
        return False


def parse_path_map(entries: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Parse `FROM=TO` entries; FROM may contain '=' itself, such as '?d='.

    Raises:
        ValueError: an entry has no '='.
    """
    pairs = []
    for entry in entries:
        start, equals, replacement = entry.rpartition("=")
        if not equals or not start:
            raise ValueError(
                f"expected FROM=TO, found {entry!r}, for instance "
                "'/data/local-files/?d=photos/=' or 's3://bucket/=images/'"
            )
        pairs.append((start, replacement))
    return tuple(pairs)


def _path_of(reference: str) -> PurePosixPath:
    """Return the path part of a path or URL; for Label Studio's local files, the queried path."""
    if not _is_url(reference):
        return PurePosixPath(reference.replace("\\", "/"))
    address = urlsplit(reference)
    local = parse_qs(address.query).get("d")
    return PurePosixPath(local[-1] if local else unquote(address.path))


def _is_url(reference: str) -> bool:
    is_served = reference.startswith("/data/")  # Label Studio's own paths are quoted like URLs
    return is_served or re.match(r"^[a-z][a-z0-9+.-]+:", reference) is not None
