"""Writing of a proposal store, shard by shard: a kill loses at most the shard in flight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sapnet.data.coverage.stored import coverage_text
from sapnet.store.folder import StoreFolder, numbers_of, open_folder
from sapnet.store.layout import (
    COVERAGE_NAME,
    IMAGES_SUFFIX,
    MANIFEST_NAME,
    OBJECTS_SUFFIX,
    SHARDS,
    WEIGHTS_NAME,
    StoreError,
    complete_numbers,
    shard_name,
)
from sapnet.store.manifest import Manifest, check_same_run, manifest_text, parse_manifest
from sapnet.store.part import SHARD_IMAGES, Part
from sapnet.store.rows import image_to_row, object_to_row
from sapnet.store.schema import image_schema, object_schema
from sapnet.store.tables import checksums, read_image_table
from sapnet.structures.clicks import Coverage, ImageRecord
from sapnet.structures.proposals import StoredObject
from sapnet.system.locations import Location, as_location, join

if TYPE_CHECKING:
    import pyarrow as pa


class ProposalWriter:
    """Adds images to a new store, or to one that an equal run began.

    Used as a context manager. Leaving it normally writes the last, smaller shard; leaving it by an
    error drops the images since the last full shard, just as a kill does.

    Args:
        path: folder of the store, local or a URL; made if missing.
        manifest: description of the run.
        shard_images: images per shard.
        part: the part of this run, if several runs fill the store side by side.

    Raises:
        StoreError: the folder holds something else, or a store made of other settings or data; or
            another process is writing the same part.
    """

    def __init__(
        self,
        path: Location,
        manifest: Manifest,
        shard_images: int = SHARD_IMAGES,
        part: Part | None = None,
    ) -> None:
        if shard_images < 1:
            raise ValueError(f"shard_images: expected at least 1, found {shard_images}")
        self.path = as_location(path)
        self._part = part or Part()
        self._shard_images = shard_images
        self._image_rows: list[dict[str, Any]] = []
        self._object_rows: list[dict[str, Any]] = []
        self._folder = open_folder(self.path)
        self._refuse_foreign()
        self._lock = self._folder.lock(self._part)
        try:
            self.done_image_ids = self._open(manifest)
            self._next_shard = self._first_free_shard()
        except BaseException:
            self._lock.close()
            raise

    def _refuse_foreign(self) -> None:
        """Raise a StoreError for a folder that is no store; hidden files do not count."""
        # What a killed run left of its manifest is no other content.
        aside = f"{MANIFEST_NAME}."
        names = self._folder.names() - {WEIGHTS_NAME}
        found = {name for name in names if not name.startswith(aside)}
        if found and MANIFEST_NAME not in found:
            raise StoreError(
                f"{self.path} exists and is no proposal store (no {MANIFEST_NAME}). Give a new "
                "or empty folder as --out."
            )

    def _open(self, manifest: Manifest) -> frozenset[int]:
        """Begin or continue the store; return the ids of the images it holds already."""
        try:
            self._folder.create(MANIFEST_NAME, manifest_text(manifest))
        except FileExistsError:
            (text,) = self._folder.read([MANIFEST_NAME])
            check_same_run(self.path, parse_manifest(text, self.path), manifest)
        self._remove_unfinished()
        return frozenset(_done_image_ids(self.path, self._folder))

    def _remove_unfinished(self) -> None:
        """Delete the files that a killed run of this part left of an unfinished shard."""
        if self._part.count == 1:
            for name in self._folder.names():
                if name.startswith(f"{MANIFEST_NAME}."):
                    self._folder.remove_leftover(name)
        names = self._folder.names(SHARDS)
        complete = set(complete_numbers(names))
        finished = {
            shard_name(number, suffix)
            for number in complete
            for suffix in (OBJECTS_SUFFIX, IMAGES_SUFFIX)
        }
        for name in names:
            number = next(iter(numbers_of({name})), -1)
            is_shard = OBJECTS_SUFFIX in name or IMAGES_SUFFIX in name
            if is_shard and number in self._part.shard_numbers and name not in finished:
                self._folder.remove_leftover(f"{SHARDS}/{name}")

    def _first_free_shard(self) -> int:
        mine = self._part.shard_numbers
        used = (number for number in numbers_of(self._folder.names(SHARDS)) if number in mine)
        return max(used, default=mine.start - 1) + 1

    def add(self, image: ImageRecord, objects: Sequence[StoredObject]) -> None:
        """Add one image with all its objects; write a shard when it is full."""
        self._image_rows.append(image_to_row(image, len(self._object_rows), len(objects)))
        self._object_rows.extend(object_to_row(stored) for stored in objects)
        if len(self._image_rows) == self._shard_images:
            self.flush()

    def write_coverage(self, coverage: Mapping[int, Coverage]) -> None:
        """Keep what of the images was annotated, by image id; it replaces what was kept before.

        It changes no proposal. All parts of a run write the same.
        """
        content = coverage_text(coverage)
        is_there = COVERAGE_NAME in self._folder.names()
        if is_there and self._folder.read([COVERAGE_NAME]) == [content]:
            return
        if is_there or any(coverage.values()):
            self._folder.replace(COVERAGE_NAME, content)

    def flush(self) -> None:
        """Write the images added so far as a shard, however few; nothing if there are none.

        Raises:
            StoreError: another process has written a shard of this number in the meantime.
        """
        if not self._image_rows:
            return
        objects = _encode_batch(_to_batch(self._object_rows, object_schema()))
        batch = _to_batch(self._image_rows, image_schema())
        images = _encode_batch(batch.replace_schema_metadata(checksums(batch, objects)))
        for suffix, content in (
            (OBJECTS_SUFFIX, objects),
            (IMAGES_SUFFIX, images),  # last: it makes the shard count
        ):
            name = f"{SHARDS}/{shard_name(self._next_shard, suffix)}"
            try:
                self._folder.create(name, content)
            except FileExistsError as error:
                raise StoreError(
                    f"{join(self.path, name)}: another process has just written this shard. Let it "
                    "finish, then run again what is left; what is finished is kept."
                ) from error
        self._next_shard += 1
        self._image_rows, self._object_rows = [], []

    def remove_shard(self, number: int) -> None:
        """Take a shard out of a store in a folder of this machine.

        Raises:
            StoreError: the file system has no locks, so that another process may be writing.
        """
        for suffix in (IMAGES_SUFFIX, OBJECTS_SUFFIX):  # images first: they make the shard count
            name = shard_name(number, suffix)
            self._folder.remove_leftover(f"{SHARDS}/{name}")
            if name in self._folder.names(SHARDS):
                raise StoreError(
                    f"{join(self.path, name)}: cannot be replaced, because this file system has no "
                    "locks. Give another --out."
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            if error_type is None:
                self.flush()


def find_manifest(path: Location) -> Manifest | None:
    """Return the description of a store that a run began, or None where there is none yet.

    Args:
        path: folder of the store, local or a URL.

    Raises:
        StoreError: the description is damaged, or a newer sapnet wrote it.
    """
    place = as_location(path)
    folder = open_folder(place)
    if MANIFEST_NAME not in folder.names():
        return None
    (text,) = folder.read([MANIFEST_NAME])
    return parse_manifest(text, place)


def _done_image_ids(store: Location, folder: StoreFolder) -> list[int]:
    """List the ids of the images in all finished shards, those of other parts included."""
    import pyarrow as pa

    if isinstance(store, Path):
        ids: list[int] = read_image_table(store)["image_id"].to_pylist()
        return ids
    complete = complete_numbers(folder.names(SHARDS))
    names = [f"{SHARDS}/{shard_name(number, IMAGES_SUFFIX)}" for number in complete]
    tables = [pa.ipc.open_file(pa.py_buffer(content)).read_all() for content in folder.read(names)]
    return [image_id for table in tables for image_id in table["image_id"].to_pylist()]


def _to_batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist(rows, schema=schema)


def _encode_batch(batch: pa.RecordBatch) -> bytes:
    """Encode a record batch as an Arrow file."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content
