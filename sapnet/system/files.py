"""Files that are either complete or not there: written aside, then renamed."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_text_atomic(path: Path | str, text: str) -> Path:
    """Writes UTF-8 text so that `path` never holds half of it.

    Missing parent folders are made; an existing file is replaced.

    Args:
        path: the file to write.
        text: its whole content.

    Returns:
        `path`.
    """
    return write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(path: Path | str, content: bytes) -> Path:
    """Writes bytes so that `path` never holds half of them.

    Missing parent folders are made; an existing file is replaced.

    Args:
        path: the file to write.
        content: its whole content.

    Returns:
        `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)
    try:
        with temporary:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
        Path(temporary.name).chmod(_file_mode(path))
        Path(temporary.name).replace(path)
    except BaseException:
        Path(temporary.name).unlink(missing_ok=True)
        raise
    return path


def write_json_atomic(path: Path | str, value: object, *, indent: int | None = 2) -> Path:
    """Writes json so that `path` never holds half of it.

    Keys keep their order. NaN and infinities, which json does not have, become null.

    Args:
        path: the file to write.
        value: dictionaries, lists, strings, numbers, booleans and None, nested.
        indent: spaces per level; None writes one line, for large files.

    Returns:
        `path`.

    Raises:
        TypeError: if `value` holds something json has no form for.
    """
    text = json.dumps(_without_nan(value), indent=indent, allow_nan=False, ensure_ascii=False)
    return write_text_atomic(path, text + "\n")


def _without_nan(value: object) -> object:
    """The same nested value, with None in place of NaN and infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return value


def _file_mode(path: Path) -> int:
    """The mode of the file being replaced, else what a plain `open` would give a new one."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
