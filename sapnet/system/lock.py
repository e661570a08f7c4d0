"""A lock on what a command writes, so that two runs of it do not mix their files."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

logger = logging.getLogger(__name__)

_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")
"""Variables of launchers; processes in which one is above 0 work for a first one, which locks."""


_held = threading.local()
"""Locks of each thread."""


class InUseError(ValueError):
    """Another process is writing the same files."""


@contextmanager
def locked(output: Path | str) -> Iterator[None]:
    """Keep other processes of this machine, and of shared file systems, from the same output.

    The lock is a hidden file beside the output. It ends with the process, however that ends. What
    this thread has locked it may lock once more.

    Args:
        output: file or folder that is written.

    Raises:
        InUseError: another process holds it.
    """
    from filelock import FileLock, Timeout

    output = Path(output)
    if not is_first_process(os.environ):
        yield
        return
    path = output.resolve()
    path = path.with_name(f".{path.name}.lock")
    mine: set[Path] = _held.__dict__.setdefault("paths", set())
    if path in mine:
        yield
        return
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        held.callback(_remove_empty, made)
        try:
            # Removed while it is held, so that no other process holds a removed one; Windows only
            # removes what nobody has open.
            if os.name == "nt":
                held.callback(_remove_lock, path)
            held.enter_context(FileLock(path, timeout=0))
            if os.name != "nt":
                held.callback(_remove_lock, path)
            mine.add(path)
            held.callback(mine.discard, path)
        except Timeout as error:
            raise InUseError(
                f"{output}: another process is writing this. Wait until it is done, or name "
                "another output."
            ) from error
        except NotImplementedError:
            logger.warning(
                "%s: this file system has no locks. See to it that no two processes write there.",
                output,
            )
        yield


def _remove_lock(path: Path) -> None:
    with suppress(PermissionError):  # another process holds it by now
        path.unlink(missing_ok=True)


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders that were made for the lock alone, innermost first."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def is_first_process(environment: Mapping[str, str]) -> bool:
    """Return True unless a launcher started this process to help another one.

    Args:
        environment: environment variables of the process.
    """
    values = (environment.get(name, "0") for name in _RANKS)
    return all(not value.isdigit() or int(value) == 0 for value in values)
