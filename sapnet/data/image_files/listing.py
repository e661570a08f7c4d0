"""Listing of the image files in folders, with what is left out and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".tga"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".mpo", ".jp2", ".j2k", ".jpx", ".avif", ".heic", ".heif"}
)
"""File endings that count as images when a folder is listed, in lower case, where Pillow can read
them."""

NUM_NAMED = 3
"""Files of each ending that a message names."""

_HEIF_SUFFIXES = frozenset({".heic", ".heif"})


@dataclass(frozen=True)
class ImageFiles:
    """The image files of folders and lists.

    Attributes:
        paths: the files, sorted, each once.
        root: the folder that their names are relative to: the one folder that was given, else the
            common folder of all that was given.
        left_out: other files and links, with the reason, sorted.
    """

    paths: tuple[Path, ...]
    root: Path
    left_out: tuple[tuple[Path, str], ...] = ()

    def name(self, path: Path) -> str:
        """Return the name of a file relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def left_out_line(self) -> str:
        """Describe what was left out in one line; empty if nothing was."""
        if not self.left_out:
            return ""
        counts = Counter(reason for _, reason in self.left_out)
        parts = []
        for reason, count in counts.most_common():
            names = [path.name for path, why in self.left_out if why == reason]
            more = ", ..." if count > NUM_NAMED else ""
            parts.append(f"{count} x {reason} ({', '.join(names[:NUM_NAMED])}{more})")
        noun = "file" if len(self.left_out) == 1 else "files"
        return f"left out {len(self.left_out)} {noun}: {'; '.join(parts)}"


def find_images(source: Path | str | Sequence[Path | str]) -> ImageFiles:
    """Find the image files of a folder, or of a list of files and folders.

    Folders are searched with their sub-folders, and each linked folder once. Hidden files are
    passed over. A file that is named itself is taken whatever its ending.

    Args:
        source: a folder, a file, or several of them.

    Raises:
        FileNotFoundError: a file or folder does not exist.
        ValueError: there is no image in them.
    """
    sources = [Path(s) for s in ([source] if isinstance(source, str | Path) else source)]
    paths: set[Path] = set()
    left_out: dict[Path, str] = {}
    for entry in sources:
        if entry.is_file():
            paths.add(entry)
        elif entry.is_dir():
            for path, reason in _walk(entry):
                if reason:
                    left_out[path] = reason
                else:
                    paths.add(path)
        else:
            raise FileNotFoundError(
                f"{entry}: no such file or folder. Name an image or a folder of images."
            )
    files = ImageFiles(
        tuple(sorted(paths)),
        _root(sources),
        tuple(sorted((p, r) for p, r in left_out.items() if p not in paths)),
    )
    if not paths:
        searched = ", ".join(map(str, sources)) or "an empty list"
        endings = " ".join(sorted(readable_suffixes()))
        found = files.left_out_line() or "found none"
        raise ValueError(f"{searched}: expected images ({endings}), {found}. Check the folder.")
    return files


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


@cache
def readable_suffixes() -> frozenset[str]:
    """Return the endings of images that can be read here, in lower case.

    HEIC needs the package `pillow-heif`, AVIF and JPEG 2000 a Pillow that was built with them.
    """
    _register_heif()
    Image.init()
    decoders = {suffix for suffix, kind in Image.EXTENSION.items() if kind in Image.OPEN}
    # The JPEG decoder also reads .mpo, which Pillow lists for writing alone.
    return frozenset(IMAGE_SUFFIXES & (decoders | {".mpo"}))


def _register_heif() -> None:
    """Let Pillow read HEIC, where the package for it is installed."""
    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found]  # optional
    except ImportError:
        return
    register_heif_opener()


def _root(sources: Sequence[Path]) -> Path:
    folders = [entry if entry.is_dir() else entry.parent for entry in sources]
    if len(set(folders)) == 1:
        return folders[0]
    if not folders:
        return Path()
    if len({folder.is_absolute() for folder in folders}) > 1:
        folders = [folder.absolute() for folder in folders]
    return Path(os.path.commonpath(folders))


def _walk(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file below a folder, with the reason if it is left out.

    Real folders come before linked ones, so that a folder that is reached both ways keeps its own
    name. A folder is known by its real path: a link to a folder above it ends there.
    """
    entered: set[str] = set()
    folders, links = [root], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        real = os.path.realpath(folder)
        if real in entered:
            yield folder, "linked folder that was entered already"
            continue
        entered.add(real)
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(path)
            else:
                yield path, _reason(path, entry)


def _reason(path: Path, entry: os.DirEntry[str]) -> str:
    """Return why a file is no image to read; empty if it is one."""
    if not entry.is_file():
        return "broken link" if entry.is_symlink() else "no file"
    suffix = path.suffix.lower()
    if suffix in readable_suffixes():
        return ""
    if suffix in _HEIF_SUFFIXES:
        return f"{suffix}, which needs `pip install pillow-heif`"
    return suffix or "without an ending"
