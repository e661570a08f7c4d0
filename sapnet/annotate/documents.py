"""Versioned documents: the objects of one image while somebody works on them.

The version of a document is a digest of its content. A change names the version it was based on.
If that version is no longer current, somebody else changed the image in the meantime and the
change is refused. Because the version depends on the content alone, a restarted server computes
the same versions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from sapnet.structures.clicks import Click


class Versioned(Protocol):
    """A document with a version."""

    @property
    def version(self) -> str:
        """A digest of everything that the page can change."""
        ...


Kind = TypeVar("Kind", bound=Versioned)


class VersionConflictError(ValueError, Generic[Kind]):
    """A change to a document that somebody else changed in the meantime.

    Attributes:
        document: the current document.
    """

    def __init__(self, message: str, document: Kind) -> None:
        super().__init__(message)
        self.document = document


class FileChangedError(OSError):
    """The file on disk is not the one that was last read or written."""


@dataclass(frozen=True)
class Document:
    """The clicks of one image.

    Attributes:
        objects: the clicks, in the order in which they were made.
        is_done: True if the user marked the image as finished.
    """

    objects: tuple[Click, ...] = ()
    is_done: bool = False

    @property
    def version(self) -> str:
        """A digest of everything that the page can change."""
        return content_digest([[click_content(click) for click in self.objects], self.is_done])


def click_content(click: Click) -> list[Any]:
    """Return the parts of a click that the page can change, as json values."""
    return [
        click.annotation_id,
        click.category_id,
        [[float(x), float(y)] for x, y in click.points],
        [[float(x), float(y)] for x, y in click.negative_points],
        click.mask["counts"].decode("ascii") if click.mask else None,
    ]


def content_digest(content: list[Any]) -> str:
    """Return a digest of json values, for use as a version."""
    return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:16]


class WatchedFile:
    """A file that no other program may change while this one works on it.

    Args:
        path: the file; need not exist.
        command: the command that works on it, for messages.
    """

    def __init__(self, path: Path, command: str) -> None:
        self.path = path
        self._command = command
        self._stamp = _file_stamp(path)

    def require_unchanged(self) -> None:
        """Check that the file is as it was last read or written.

        Raises:
            FileChangedError: another program changed it.
        """
        if _file_stamp(self.path) != self._stamp:
            raise FileChangedError(
                f"{self.path} was changed by another program, so this change is not saved. "
                f"Stop `{self._command}` and start it again to continue from the changed file."
            )

    def note_written(self) -> None:
        """Take the file's present state as the one that this program wrote."""
        self._stamp = _file_stamp(self.path)


def _file_stamp(path: Path) -> tuple[int, int] | None:
    """Return the time of the last change and the size of a file, None if it does not exist."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_mtime_ns, state.st_size
