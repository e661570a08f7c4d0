"""Atomic writing of files (under a temporary name, then renamed), and reading of json."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any


def write_text_atomic(path: Path | str, text: str) -> Path:
    """Write UTF-8 text atomically: `path` never holds a part of it.

    Missing parent folders are created; an existing file is replaced.

    Args:
        path: the file to write.
        text: the whole content.

    Returns:
        `path`.
    """
    return write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(path: Path | str, content: bytes) -> Path:
    """Write bytes atomically: `path` never holds a part of them.

    Missing parent folders are created; an existing file is replaced.

    Args:
        path: the file to write.
        content: the whole content.

    Returns:
        `path`.
    """
    path = Path(path)
    with replaced_file(path) as file:
        file.write(content)
    return path


FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, and of a user's exhausted share of it."""


def full_disk_error(path: Path, written: int, error: OSError) -> OSError:
    """Return the error for a file that does not fit on its disk.

    Args:
        path: the file.
        written: bytes that did fit.
        error: the error of the system.
    """
    try:
        free = f"{shutil.disk_usage(path.parent).free:,} bytes are free there"
    except OSError:
        free = "nothing is known about the space there"
    kept = "what was there before is unchanged" if path.exists() else "nothing was written"
    return OSError(
        error.errno,
        f"the disk is full: the file needs more than {written:,} bytes, and {free}; {kept}. Make "
        "room, or name an output on another disk, and run the same command again",
        str(path),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def replaced_file(path: Path, *, is_synced: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary file that becomes `path` when the context ends without an error.

    Missing parent folders are created; an existing file is replaced and keeps its mode.

    Args:
        path: the file to write.
        is_synced: True to wait until the content is on the disk, so that it survives a power cut.
            False is faster for many small files.

    Yields:
        The temporary file, open for writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)
    try:
        with temporary:
            yield temporary
            temporary.flush()
            if is_synced:
                os.fsync(temporary.fileno())
        Path(temporary.name).chmod(_file_mode(path))
        Path(temporary.name).replace(path)
    except BaseException as error:
        written = _size(Path(temporary.name))
        Path(temporary.name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise full_disk_error(path, written, error) from error
        raise


def clear_leftovers(path: Path) -> None:
    """Remove the temporary files that killed runs of `replaced_file` left beside a file.

    Only for a caller that alone writes the file.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")
    if path.parent.is_dir():
        for entry in path.parent.iterdir():
            if pattern.fullmatch(entry.name) and entry.is_file():
                entry.unlink(missing_ok=True)


def write_json_atomic(path: Path | str, value: object, *, indent: int | None = 2) -> Path:
    """Write json atomically: `path` never holds a part of it.

    Keys keep their order. NaN and infinities, which json cannot express, become null.

    Args:
        path: the file to write.
        value: nested dictionaries, lists, strings, numbers, booleans and None.
        indent: spaces per level; None writes one line, for large files.

    Returns:
        `path`.

    Raises:
        TypeError: `value` holds something that json cannot express.
    """
    return write_text_atomic(path, json_text(value, indent=indent) + "\n")


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as json; NaN and infinities, which json cannot express, become null.

    Raises:
        TypeError: `value` holds something that json cannot express.
    """
    encode = partial(json.dumps, indent=indent, allow_nan=False, ensure_ascii=False)
    try:
        return encode(value)
    except ValueError:  # a NaN or an infinity, which is rare: most values are not walked twice
        return encode(_without_nan(value))


def read_json(path: Path, hint: str = "Name the exported file.") -> Any:  # noqa: ANN401  # any json
    """Return the content of a json file, with or without a byte order mark.

    Args:
        path: the file.
        hint: advice for the message if there is no such file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not json.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. {hint}")
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise ValueError(
            f"{path}: expected json, but it is nested too deeply to be data. Export the file again."
        ) from error
    except ValueError as error:  # no json, no UTF-8, or an integer of thousands of digits
        raise ValueError(
            f"{path}: expected json, but it cannot be parsed ({error}). Export the file again."
        ) from error


def _without_nan(value: object) -> object:
    """Return the nested value with None in place of NaN and infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return value


def _file_mode(path: Path) -> int:
    """Return the mode of the file that is replaced, else the mode of a new file."""
    return path.stat().st_mode & 0o777 if path.exists() else new_file_mode()


def new_file_mode() -> int:
    """Return the mode that a plain `open` gives to a new file."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
