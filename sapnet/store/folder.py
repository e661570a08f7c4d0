"""Folders that proposal stores are written to: on this machine or in object storage.

In both a file is there whole or not at all, and no file is ever written twice: of two processes
that write the same shard one is refused.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from filelock import FileLock, Timeout

from sapnet.store.layout import TEMPORARY_SUFFIX, StoreError
from sapnet.store.part import Part
from sapnet.system.files import FULL, full_disk_error, write_bytes_atomic
from sapnet.system.locations import Location, as_location, file_system

logger = logging.getLogger(__name__)

LOCKS = ".locks"
"""Hidden folder in a local store; the system lets go of a lock when its process ends."""


class StoreFolder(Protocol):
    """The files of one store."""

    def names(self, folder: str = "") -> set[str]:
        """Return the names of the entries of a folder of the store, hidden ones left out."""
        ...

    def read(self, names: Sequence[str]) -> list[bytes]:
        """Read the contents of files; FileNotFoundError if one is missing."""
        ...

    def create(self, name: str, content: bytes) -> None:
        """Write a new file; FileExistsError if another process was first."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Write a file, new or in the place of an old one."""
        ...

    def remove_leftover(self, name: str) -> None:
        """Delete a file that a killed run left behind, unless somebody may be writing it."""
        ...

    def lock(self, part: Part) -> ExitStack:
        """Keep others from writing the same images until the stack is closed.

        Raises:
            StoreError: another process is writing them.
        """
        ...


def open_folder(store: Location) -> StoreFolder:
    """Return the folder of a store, local or remote; nothing is created yet."""
    place = as_location(store)
    return LocalFolder(place) if isinstance(place, Path) else RemoteFolder(place)


class LocalFolder:
    """A folder of this machine or of a file system that machines share.

    Args:
        path: of the store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_locked = False

    def names(self, folder: str = "") -> set[str]:
        """See `StoreFolder`."""
        path = self._path / folder
        if not path.is_dir():
            return {path.name} if path.exists() else set()
        return {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}

    def read(self, names: Sequence[str]) -> list[bytes]:
        """See `StoreFolder`."""
        return [(self._path / name).read_bytes() for name in names]

    def create(self, name: str, content: bytes) -> None:
        """See `StoreFolder`; the file and its name survive a power cut."""
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = NamedTemporaryFile(
            dir=path.parent, prefix=f"{path.name}.", suffix=TEMPORARY_SUFFIX, delete=False
        )
        temporary = Path(aside.name)
        try:
            with aside:
                aside.write(content)
                aside.flush()
                os.fsync(aside.fileno())
            temporary.chmod(0o666 & ~_umask())
            _publish(temporary, path)
        except OSError as error:
            if error.errno in FULL:
                raise full_disk_error(path, len(content), error) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def replace(self, name: str, content: bytes) -> None:
        """See `StoreFolder`."""
        write_bytes_atomic(self._path / name, content)

    def remove_leftover(self, name: str) -> None:
        """See `StoreFolder`; without a lock the file may be another process's, and stays."""
        if self._is_locked:
            (self._path / name).unlink(missing_ok=True)

    def lock(self, part: Part) -> ExitStack:
        """See `StoreFolder`.

        Parts of one split are written side by side. Those of another split overlap with them, so
        one split at a time is let in.
        """
        folder = self._path / LOCKS
        folder.mkdir(parents=True, exist_ok=True)
        own = folder / f"{part.count}-{part.index}.lock"
        held = ExitStack()
        try:
            with FileLock(folder / "opening.lock"):
                for other in folder.glob("*-*.lock"):
                    if not other.name.startswith(f"{part.count}-"):
                        _probe(other, self._path)
                _hold(own, self._path, held)
        except NotImplementedError:
            logger.warning(
                "%s: this file system has no locks. See to it that no two processes write the same "
                "part of this store.",
                self._path,
            )
            return held
        self._is_locked = True
        return held


class RemoteFolder:
    """A folder of object storage, where files appear whole and there are no locks.

    Args:
        url: of the store.
    """

    def __init__(self, url: str) -> None:
        self._system, self._path = file_system(url)

    def names(self, folder: str = "") -> set[str]:
        """See `StoreFolder`."""
        self._system.invalidate_cache()
        path = f"{self._path}/{folder}".rstrip("/")
        if not self._system.exists(path):
            return set()
        entries = (entry.rstrip("/").rpartition("/")[2] for entry in self._system.ls(path, False))
        return {name for name in entries if name and not name.startswith(".")}

    def read(self, names: Sequence[str]) -> list[bytes]:
        """See `StoreFolder`; many files at once where the storage can."""
        paths = [f"{self._path}/{name}" for name in names]
        contents: dict[str, bytes] = self._system.cat(paths) if paths else {}
        return [contents[path] for path in paths]

    def create(self, name: str, content: bytes) -> None:
        """See `StoreFolder`."""
        path = f"{self._path}/{name}"
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(path, content, mode="create")

    def replace(self, name: str, content: bytes) -> None:
        """See `StoreFolder`."""
        self._system.pipe_file(f"{self._path}/{name}", content)

    def remove_leftover(self, name: str) -> None:
        """See `StoreFolder`: without locks nobody knows, and a leftover only costs its room."""

    def lock(self, part: Part) -> ExitStack:
        """See `StoreFolder`: none; a second writer is refused when it writes its first shard."""
        del part
        return ExitStack()


def numbers_of(names: set[str]) -> set[int]:
    """Shard numbers that file names begin with."""
    found = (re.match(r"(\d+)\.", name) for name in names)
    return {int(match[1]) for match in found if match}


def _hold(lock: Path, store: Path, held: ExitStack) -> None:
    try:
        held.enter_context(FileLock(lock, timeout=0))
    except Timeout as error:
        raise StoreError(
            f"{store}: another process is writing this store ({_part_name(lock)}). Wait until it "
            "is done, or stop it and run again; its finished shards are kept."
        ) from error


def _probe(lock: Path, store: Path) -> None:
    """Raise a StoreError if a lock is held."""
    with ExitStack() as held:
        _hold(lock, store, held)


def _part_name(lock: Path) -> str:
    count, index = lock.stem.split("-")
    return "all of it" if count == "1" else f"part {index}/{count}"


def _publish(temporary: Path, path: Path) -> None:
    """Give a finished file its name, unless there is one of that name."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from error
        temporary.replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power cut, if the system can open folders (not Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
