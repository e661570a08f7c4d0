"""A store in object storage, brought to this machine: memory maps need files."""

from __future__ import annotations

import hashlib
import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from filelock import FileLock
from tqdm import tqdm

from sapnet.store.layout import IMAGES_SUFFIX, MANIFEST_NAME, SHARDS, StoreError
from sapnet.system.locations import Location, as_location, cache_folder, file_system

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

logger = logging.getLogger(__name__)

NUM_DOWNLOADS = 8
"""Files fetched at a time; hides the latency of object storage."""


@dataclass(frozen=True)
class _RemoteFile:
    path: str
    name: str  # relative to the store
    size: int


def local_store(store: Location) -> Path:
    """Return the folder of a store on this machine; copy a remote store there first.

    A store at a URL is copied into the cache, or what is new of it. Shards never change, so that
    each is fetched once; a store that was made anew in the same place replaces its copy. Processes
    of one machine wait for each other and share the copy.

    Args:
        store: folder, or URL of one.

    Returns:
        The folder itself, or that of the copy.

    Raises:
        StoreError: there is no store at the URL.
        ValueError: the URL cannot be reached.
    """
    place = as_location(store)
    if isinstance(place, Path):
        return place
    copy = cache_folder() / "stores" / hashlib.sha256(place.encode()).hexdigest()[:16]
    copy.mkdir(parents=True, exist_ok=True)
    with FileLock(copy.with_suffix(".lock")):
        _bring_up_to_date(copy, place)
    return copy


def _bring_up_to_date(copy: Path, url: str) -> None:
    system, path = file_system(url)
    system.invalidate_cache()
    try:
        manifest = system.cat_file(f"{path}/{MANIFEST_NAME}")
    except FileNotFoundError as error:
        raise StoreError(
            f"{url}: no proposal store here ({MANIFEST_NAME} is missing). Make one with `sapnet "
            f"propose --out {url} ...`, or give the URL of an existing one."
        ) from error
    known = copy / MANIFEST_NAME
    if known.is_file() and known.read_bytes() != manifest:
        logger.warning("%s was made anew; its copy %s is replaced", url, copy)
        shutil.rmtree(copy)
    _write(known, manifest)
    files = [f for f in _list(system, path) if not _is_there(copy, f)]
    if not files:
        return
    logger.info("fetching %d files of %s into %s", len(files), url, copy)
    total = sum(file.size for file in files)
    with (
        tqdm(total=total, desc="fetch store", unit="B", unit_scale=True) as bar,
        ThreadPoolExecutor(NUM_DOWNLOADS) as pool,
    ):
        for kind in (False, True):  # images last: they make a shard count
            group = [file for file in files if file.name.endswith(IMAGES_SUFFIX) is kind]
            for size in pool.map(lambda file: _fetch(system, file, copy), group):
                bar.update(size)


def _list(system: AbstractFileSystem, path: str) -> list[_RemoteFile]:
    """List all files of a store but its manifest and hidden ones."""
    found = []
    for entry, info in system.find(path, detail=True).items():
        name = entry.removeprefix(path).lstrip("/")
        if name != MANIFEST_NAME and not any(part.startswith(".") for part in name.split("/")):
            found.append(_RemoteFile(entry, name, int(info["size"])))
    return found


def _is_there(copy: Path, file: _RemoteFile) -> bool:
    """Test if a file needs no fetching. Only shards are known never to change."""
    path = copy / file.name
    is_shard = file.name.startswith(f"{SHARDS}/")
    return is_shard and path.is_file() and path.stat().st_size == file.size


def _fetch(system: AbstractFileSystem, file: _RemoteFile, copy: Path) -> int:
    _write(copy / file.name, system.cat_file(file.path))
    return file.size


def _write(path: Path, content: bytes) -> None:
    """Write a file aside and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as aside:
        aside.write(content)
    Path(aside.name).replace(path)
