"""The Arrow files of a store: the table of images, and the shards, memory-mapped.

Checksums of a shard are in the metadata of its images file. The table of images is read in full
whenever a store is opened, so it is checked there. Objects are mapped and read at random: their
file is checked by `sapnet doctor`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from sapnet.store.layout import IMAGES_SUFFIX, StoreError, complete_shards, shard_file
from sapnet.store.schema import image_schema, object_schema
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.proposals import GIVEN_MASK

if TYPE_CHECKING:
    import pyarrow as pa


OBJECTS_KEY, IMAGES_KEY = b"objects_crc32", b"images_crc32"

_BLOCK = 1 << 20  # bytes that are read at once


class StoredImages(Sequence[ImageRecord]):
    """The images of a store; a record is made when it is indexed.

    Args:
        table: with the columns of an images file.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, index: int) -> ImageRecord: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ImageRecord, ...]: ...

    def __getitem__(self, index: int | slice) -> ImageRecord | tuple[ImageRecord, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        row = range(len(self))[index]
        return ImageRecord(
            **{
                name: self._table[name][row].as_py()
                for name in ("image_id", "file_name", "width", "height")
            }
        )


def column(table: pa.Table, name: str) -> np.ndarray:
    """Return a column of a table as an array."""
    values: np.ndarray = table[name].to_numpy()
    return values


def read_image_table(store: Path) -> pa.Table:
    """Read the images of all finished shards into memory, with a column `shard`.

    Raises:
        StoreError: a file is damaged.
    """
    import pyarrow as pa

    shards = complete_shards(store)
    batches = [read_shard(store, number, IMAGES_SUFFIX) for number in shards]
    table = pa.Table.from_batches(
        [batch.replace_schema_metadata(None) for batch in batches], schema=image_schema()
    )
    column = np.repeat(np.asarray(shards, np.int64), [batch.num_rows for batch in batches])
    return table.append_column("shard", pa.array(column)).combine_chunks()


def rows_with_given_mask(rows: pa.RecordBatch) -> np.ndarray:
    """Find the rows of an objects file whose mask came with the click."""
    import pyarrow.compute as pc

    is_given = pc.equal(pc.list_flatten(rows["prompts"]), GIVEN_MASK)
    found: np.ndarray = pc.list_parent_indices(rows["prompts"]).filter(is_given).to_numpy()
    return found


def box_lengths(rows: pa.RecordBatch) -> np.ndarray:
    """Count the numbers that each row's box is kept as, (rows,); 0 without a box."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(rows["box"]), 0)
    return np.array(lengths, np.int64)


def first_points(rows: pa.RecordBatch) -> list[tuple[float, float]]:
    """Return the first click (x, y) of each row of an objects file."""
    import pyarrow.compute as pc

    if not rows.num_rows:
        return []
    numbers = rows["points"].flatten().to_numpy()
    lengths = pc.list_value_length(rows["points"]).to_numpy()
    first = np.cumsum(lengths) - lengths
    return list(zip(numbers[first].tolist(), numbers[first + 1].tolist(), strict=True))


def read_shard(store: Path, number: int, suffix: str) -> pa.RecordBatch:
    """Map the one record batch of a shard's file."""
    import pyarrow as pa

    path = shard_file(store, number, suffix)
    repair = (
        f"Delete the two files {number:05d}.* of this shard and run the same `sapnet propose` "
        "again; it makes only what is missing."
    )
    try:
        # Arrow's own threads would not survive a fork of the process.
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source, options=options).get_batch(0)
        batch.validate(full=suffix == IMAGES_SUFFIX)
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        raise StoreError(f"{path}: damaged ({error}). {repair}") from error
    if suffix == IMAGES_SUFFIX and not has_right_images(batch):
        raise StoreError(f"{path}: damaged (its content does not fit its checksum). {repair}")
    schema = image_schema() if suffix == IMAGES_SUFFIX else object_schema()
    if batch.schema != schema:
        raise StoreError(
            f"{path}: expected the columns {schema.names}, found {batch.schema.names}. {repair}"
        )
    return batch


def checksums(images: pa.RecordBatch, objects: bytes) -> dict[bytes, bytes]:
    """Return the metadata of an images file.

    Args:
        images: its rows.
        objects: content of the objects file of the same shard.
    """
    return {
        OBJECTS_KEY: str(zlib.crc32(objects)).encode(),
        IMAGES_KEY: str(checksum_of_images(images)).encode(),
    }


def checksum_of_images(images: pa.RecordBatch) -> int:
    """Return the CRC-32 of the values of an images file."""
    import pyarrow as pa

    total = 0
    for name in images.schema.names:
        column = images[name]
        if pa.types.is_string(column.type):
            content = "\0".join(column.to_pylist()).encode()
        else:
            content = column.to_numpy(zero_copy_only=False).tobytes()
        total = zlib.crc32(content, total)
    return total


def has_right_images(images: pa.RecordBatch) -> bool:
    """Return True if the rows of an images file fit its checksum, or if it has none."""
    kept = (images.schema.metadata or {}).get(IMAGES_KEY)
    return kept is None or kept == str(checksum_of_images(images)).encode()


def has_right_objects(images: pa.RecordBatch, objects: Path) -> bool | None:
    """Return True if an objects file fits the checksum; None for a shard without one.

    Args:
        images: rows of the images file of the same shard.
        objects: the objects file.
    """
    kept = (images.schema.metadata or {}).get(OBJECTS_KEY)
    if kept is None:
        return None
    total = 0
    with objects.open("rb") as file:
        while block := file.read(_BLOCK):
            total = zlib.crc32(block, total)
    return bool(kept == str(total).encode())
