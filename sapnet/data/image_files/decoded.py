"""Images that are decoded as a whole: once, and kept on disk for their windows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
from filelock import FileLock

from sapnet.system.locations import cache_folder

FOLDER = "decoded"
"""Folder in the cache."""

MOST_BYTES = 20_000_000_000
"""Size of the folder beyond which the images that were not used for longest are deleted."""

KEPT_SECONDS = 7 * 24 * 3600
"""Time after which an image that was not used is deleted when another one is added."""


def decoded_once(path: Path, bits: int | None, decode: Callable[[Path], np.ndarray]) -> np.ndarray:
    """Return the pixels of a file as a memory map; decode it if that was not done before.

    All processes of this machine share the pixels: the first one decodes, the others wait.

    Args:
        path: the file.
        bits: bit depth that it is read with.
        decode: decodes it to (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8, not writable.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such image file. Check the folder of images.")
    state = path.stat()
    key = f"{path.resolve()} {state.st_size} {state.st_mtime_ns} {bits}"
    folder = cache_folder() / FOLDER
    target = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npy"
    if (pixels := _mapped(target)) is not None:
        return pixels
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_suffix(".lock")):
        if (pixels := _mapped(target)) is not None:
            return pixels
        decoded = decode(path)
        make_room(folder, decoded.nbytes)
        aside = target.with_name(f".{target.stem}.{uuid4().hex}.npy")
        try:
            np.save(aside, decoded)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    return np.asarray(np.load(target, mmap_mode="r"))


def make_room(folder: Path, needed: int) -> None:
    """Delete what was not used for long, and the oldest of what is beyond the limit.

    Args:
        folder: of the decoded images.
        needed: bytes that are about to be added.
    """
    now, room = time.time(), MOST_BYTES - needed
    files = [(file.stat().st_mtime, file.stat().st_size, file) for file in folder.glob("*.npy")]
    for used, size, file in sorted(files, reverse=True):
        room -= size
        if room < 0 or now - used > KEPT_SECONDS:
            with suppress(OSError):  # a process may still read it, which some systems forbid
                file.unlink(missing_ok=True)
                file.with_suffix(".lock").unlink(missing_ok=True)


def _mapped(target: Path) -> np.ndarray | None:
    """Return a kept image, and note that it was used; None if there is none."""
    try:
        pixels = np.load(target, mmap_mode="r")
        target.touch()
    except (FileNotFoundError, ValueError):
        return None
    return np.asarray(pixels)
