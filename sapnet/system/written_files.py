"""Record of the files that a command wrote into a folder, which it may replace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sapnet.system.files import write_json_atomic

RECORD = ".sapnet-files"
"""Name of the record in the folder. Tools that read every json of a folder must not meet it."""


@dataclass(frozen=True)
class _Record:
    files: tuple[str, ...]
    finished: bool


def check_output(folder: Path, overwrite: bool, markers: Sequence[str] | None = None) -> None:
    """Check that a folder may be written into.

    What an interrupted command left behind is replaced without a word.

    Args:
        folder: the folder; it may not exist.
        overwrite: True to replace what an earlier command wrote there.
        markers: names of files and folders that an earlier command leaves; None if the folder has
            to be empty.

    Raises:
        FileExistsError: the folder holds something else, or something to overwrite.
    """
    if not folder.is_dir():
        return
    written = _read(folder)
    if written is not None:
        if not overwrite and written.finished:
            raise FileExistsError(
                f"{folder}: holds files of an earlier run. Name another folder, or replace them "
                "with --overwrite, which removes what was written before and nothing else."
            )
        return
    present = [path.name for path in sorted(folder.iterdir())]
    if markers is None and present:
        raise FileExistsError(
            f"{folder}: expected an empty folder, found {', '.join(present[:3])}"
            f"{', ...' if len(present) > 3 else ''}, of which it is not known that sapnet wrote "
            "it. Name another folder."
        )
    older = [name for name in present if name in (markers or ())]
    if older and not overwrite:
        raise FileExistsError(
            f"{folder}: holds {' and '.join(older)} of an earlier run. Name another folder, or "
            "replace them with --overwrite."
        )


def is_unfinished(folder: Path) -> bool:
    """Return True if an interrupted command left its files in a folder."""
    written = _read(folder)
    return written is not None and not written.finished


def check_new_file(path: Path, overwrite: bool) -> None:
    """Refuse to write over a file without a request.

    Raises:
        FileExistsError: there is such a file, and `overwrite` is False.
    """
    if path.is_file() and not overwrite:
        raise FileExistsError(
            f"{path}: exists already. Name another file, or replace it with --overwrite."
        )


def remove_written(folder: Path) -> None:
    """Remove the files that the record lists, and folders that are empty then."""
    written = _read(folder)
    if written is None:
        return
    for name in written.files:
        path = folder / name
        if path.is_symlink() or path.is_file():
            path.unlink()
    _remove_empty(folder, map(Path, written.files))
    (folder / RECORD).unlink()


def record_written(folder: Path, files: Iterable[Path], *, finished: bool) -> None:
    """Write the record of a folder.

    Args:
        folder: the folder; made if absent.
        files: what is, or will be, written into it.
        finished: False while files may be missing.
    """
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    write_json_atomic(folder / RECORD, {"finished": finished, "files": names})


@contextmanager
def replacing_files(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Replace what an earlier command wrote into a folder by what is written in the context.

    It is written into a hidden folder beside, which takes the folder's place at the end: an error
    or a kill leaves the folder as it was.

    Yields:
        The folder to write into.

    Raises:
        FileExistsError: see `check_output`.
    """
    check_output(folder, overwrite)
    aside = folder.resolve().with_name(f".{folder.resolve().name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
        _publish(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _publish(aside: Path, folder: Path) -> None:
    """Move the files of a folder to another one, where they take the place of earlier ones."""
    names = [path.relative_to(aside) for path in _files(aside)]
    if not names and not folder.exists():
        return
    record_written(aside, (aside / name for name in names), finished=True)
    if not folder.exists() or not any(folder.iterdir()):
        if folder.exists():
            folder.rmdir()
        aside.replace(folder)
        return
    before = _read(folder)
    earlier = [Path(name) for name in before.files] if before else []
    # Until all is done, the record lists both, so that the next run can clear up.
    record_written(folder, (folder / name for name in {*earlier, *names}), finished=False)
    for name in earlier:
        (folder / name).unlink(missing_ok=True)
    _remove_empty(folder, earlier)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (aside / name).replace(folder / name)
    (aside / RECORD).replace(folder / RECORD)


def _remove_empty(folder: Path, names: Iterable[Path]) -> None:
    """Remove the folders of files that were removed, where they are empty now."""
    parents = {folder / parent for name in names for parent in name.parents if parent != Path()}
    for parent in sorted(parents, key=lambda path: -len(path.parts)):
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def _read(folder: Path) -> _Record | None:
    """Return the record of a folder; None without a sound one."""
    path = folder / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        files, finished = list(content["files"]), content["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # A record is only trusted with names inside the folder.
    names = [name for name in files if isinstance(name, str) and _is_inside(name)]
    return _Record(tuple(names), bool(finished))


def _is_inside(name: str) -> bool:
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts
