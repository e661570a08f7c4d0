"""Names of images that stay inside their folder.

Files from elsewhere name images. A name such as `../../photo.jpg` would have a command read, serve
or write files that nobody meant.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath


def leaves_folder(file_name: str) -> bool:
    """Return True if a name is absolute, or leads above the folder that it is relative to."""
    return any(
        path.is_absolute() or bool(path.drive) or ".." in path.parts
        for path in (PurePosixPath(file_name), PureWindowsPath(file_name))
    )


def outside_words(file_name: str) -> str:
    """Return the message for a name that leaves its folder."""
    return (
        f"expected the name of an image inside its folder, found {file_name[:200]!r}. Write names "
        "relative to the folder of images, or leave the image out."
    )


def image_path(folder: Path, file_name: str) -> Path:
    """Return the path of an image of a folder.

    Raises:
        ValueError: the name leaves the folder.
    """
    if leaves_folder(file_name):
        raise ValueError(f"{folder}: {outside_words(file_name)}")
    return folder / file_name


def link_outside(folder: Path, path: Path) -> Path | None:
    """Return the file that a link leads to, if it lies outside the folder; else None."""
    real = path.resolve()
    return None if real.is_relative_to(folder.resolve()) else real
