"""Writing a proposal store shard by shard, so that a kill loses at most the shard in flight."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sapnet.proposals.config import RunConfig
from sapnet.proposals.manifest import (
    MANIFEST_NAME,
    Manifest,
    StoreError,
    check_same_run,
    load_manifest,
    save_manifest,
)
from sapnet.proposals.store import read_image_table
from sapnet.proposals.store_layout import (
    IMAGES_SUFFIX,
    OBJECTS_SUFFIX,
    SHARDS,
    TEMPORARY_SUFFIX,
    complete_shards,
    image_schema,
    image_to_row,
    object_schema,
    object_to_row,
    shard_file,
)
from sapnet.structures import ImageRecord, StoredObject

if TYPE_CHECKING:
    import pyarrow as pa


class ProposalWriter:
    """Adds images to a new store, or to one that an equal run began.

    Used as a context manager. Leaving it normally writes the last, smaller shard; leaving it by an
    error drops the images since the last full shard, just as a kill does.

    Args:
        path: folder of the store; made if missing.
        manifest: what this run makes.
        shard_images: images per shard.

    Raises:
        StoreError: the folder holds something else, or a store made of other settings or data.
    """

    def __init__(
        self, path: Path, manifest: Manifest, shard_images: int = RunConfig.shard_images
    ) -> None:
        if shard_images < 1:
            raise ValueError(f"shard_images: expected at least 1, found {shard_images}")
        self.path = path
        self._shard_images = shard_images
        self._image_rows: list[dict[str, Any]] = []
        self._object_rows: list[dict[str, Any]] = []
        self.done_image_ids = self._open(manifest)
        self._next_shard = max(complete_shards(path), default=-1) + 1

    def _open(self, manifest: Manifest) -> frozenset[int]:
        """Begins or continues the store; returns the ids of the images it holds already."""
        if not (self.path / MANIFEST_NAME).exists():
            if self.path.exists() and not _is_empty_folder(self.path):
                raise StoreError(
                    f"{self.path} exists and is no proposal store (no {MANIFEST_NAME}). Give a new "
                    "or empty folder as --out."
                )
            save_manifest(self.path, manifest)
            return frozenset()
        check_same_run(self.path, load_manifest(self.path), manifest)
        _remove_unfinished(self.path)
        return frozenset(read_image_table(self.path)["image_id"].to_pylist())

    def add(self, image: ImageRecord, objects: Sequence[StoredObject]) -> None:
        """Adds one image with all its objects; writes a shard when it is full."""
        self._image_rows.append(image_to_row(image, len(self._object_rows), len(objects)))
        self._object_rows.extend(object_to_row(stored) for stored in objects)
        if len(self._image_rows) == self._shard_images:
            self.flush()

    def flush(self) -> None:
        """Writes the images added so far as a shard, however few; nothing if there are none."""
        if not self._image_rows:
            return
        for suffix, rows, schema in (
            (OBJECTS_SUFFIX, self._object_rows, object_schema()),
            (IMAGES_SUFFIX, self._image_rows, image_schema()),  # last: it makes the shard count
        ):
            _write_rows(shard_file(self.path, self._next_shard, suffix), rows, schema)
        self._next_shard += 1
        self._image_rows, self._object_rows = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error_type is None:
            self.flush()


def _is_empty_folder(path: Path) -> bool:
    """Whether nothing lies there but hidden files, such as a killed run's unfinished manifest."""
    return path.is_dir() and all(entry.name.startswith(".") for entry in path.iterdir())


def _write_rows(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Writes rows as one record batch; the file is in place whole or not at all."""
    import pyarrow as pa

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    with temporary.open("wb") as sink:
        with pa.ipc.new_file(sink, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
        sink.flush()
        os.fsync(sink.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, where the system can open folders (not Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_unfinished(store: Path) -> None:
    """Deletes what a killed run left of the shard it was writing."""
    finished = {
        shard_file(store, number, suffix)
        for number in complete_shards(store)
        for suffix in (OBJECTS_SUFFIX, IMAGES_SUFFIX)
    }
    leftovers = [
        path
        for pattern in (f"*{OBJECTS_SUFFIX}*", f"*{IMAGES_SUFFIX}*")
        for path in (store / SHARDS).glob(pattern)
        if path not in finished
    ]
    for path in leftovers:
        path.unlink()
