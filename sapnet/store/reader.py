"""Reading a proposal store: memory-mapped, any image or object at random."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.coverage.stored import load_coverage
from sapnet.data.tiles.grid import Parts
from sapnet.store.cache import local_store
from sapnet.store.corrections import check_correction, check_reviewed_click
from sapnet.store.describe import correct_objects
from sapnet.store.given import GivenCounts
from sapnet.store.layout import (
    COVERAGE_NAME,
    IMAGES_SUFFIX,
    MANIFEST_NAME,
    OBJECTS_SUFFIX,
    StoreError,
    complete_shards,
    shard_file,
)
from sapnet.store.manifest import BITS, Manifest, load_manifest
from sapnet.store.rows import BOX_LENGTH, objects_from_rows
from sapnet.store.tables import (
    StoredImages,
    box_lengths,
    column,
    first_points,
    has_right_objects,
    read_image_table,
    read_shard,
    rows_with_given_mask,
)
from sapnet.structures.clicks import Category, Coverage, ImageRecord
from sapnet.structures.proposals import StoredObject
from sapnet.system.locations import Location

if TYPE_CHECKING:
    import pyarrow as pa

    from sapnet.structures.corrections import Corrections

logger = logging.getLogger(__name__)

OPEN_SHARDS = 512
"""Shards kept mapped at once, some 10 kB each: bounds a process's memory, whatever the store."""

MAPPED_BYTES = 64 << 20
"""Size of the shards kept mapped at once. Their pages belong to the system's cache, which all
processes share, but count as resident in each; mapping a shard again takes a tenth of a
millisecond."""


def open_store(store: ProposalStore | Location) -> ProposalStore:
    """Open a store that is given by its folder or URL; an open one is returned as it is.

    Raises:
        StoreError: no store there, a damaged one, or one of a newer format.
    """
    return ProposalStore(store) if isinstance(store, str | Path) else store


class ProposalStore:
    """All objects of a data set with their proposals, read from disk on demand.

    Opening reads the table of images only. Objects are read through memory maps, which all
    processes of a machine share; a pickled store travels as its path and is opened again.

    Args:
        path: the folder `sapnet propose` wrote, or its URL, of which a local copy is made (see
            `local_store`). Shards that were not finished are left out.
        corrections: of a review; decided masks leave no choice, deleted objects are not there.

    Raises:
        StoreError: no store there, a damaged one, or one of a newer format.
        ValueError: a correction is of an object or image that the store does not hold.
    """

    def __init__(self, path: Location, corrections: Corrections | None = None) -> None:
        self.path = local_store(path)
        self.corrections: Corrections | None = None
        self.manifest: Manifest = load_manifest(self.path)
        self._shards = complete_shards(self.path)
        self._table = read_image_table(self.path)
        self._image_ids = column(self._table, "image_id")
        self._first_object = column(self._table, "first_object")
        self._num_objects = column(self._table, "num_objects")
        self._shard_of_image = column(self._table, "shard")
        self._num_kept = self._num_objects
        self._last_corrected: tuple[int, list[StoredObject]] | None = None
        self._mapped: OrderedDict[int, pa.RecordBatch] = OrderedDict()
        self._mapped_bytes: dict[int, int] = {}
        if len(np.unique(self._image_ids)) != len(self._image_ids):
            raise StoreError(
                f"{self.path}: an image lies in two shards. Delete the folder and run `sapnet "
                "propose` again."
            )
        if not self.is_complete:
            logger.warning(
                "%s: holds %d of %d images. Run the same `sapnet propose` again to finish it.",
                self.path,
                self.num_images,
                self.manifest.num_images,
            )
        if corrections is not None:
            self._num_kept = self._count_kept(corrections)  # looks at what corrections delete, too
            self.corrections = corrections

    def __reduce__(self) -> tuple[type[ProposalStore], tuple[Path, Corrections | None]]:
        return (ProposalStore, (self.path, self.corrections))

    def __len__(self) -> int:
        """Number of objects."""
        return int(self._num_kept.sum())

    @property
    def num_images(self) -> int:
        """Images in the store, those without objects included."""
        return len(self._image_ids)

    @property
    def is_complete(self) -> bool:
        """True if every image of the data set is there; False after a kill or skipped images."""
        return self.num_images == self.manifest.num_images

    @property
    def categories(self) -> tuple[Category, ...]:
        """Categories of the data set, in the order of the clicks file."""
        return self.manifest.categories

    @property
    def bits(self) -> int | None:
        """Bit depth that the images were read with; None if none had more than 8 bits."""
        value = self.manifest.settings.get(BITS)
        return value if isinstance(value, int) else None

    @property
    def parts(self) -> Parts:
        """The windows and bands of images that the proposals are of; whole images without any."""
        try:
            return Parts.from_settings(self.manifest.settings)
        except ValueError as error:
            raise StoreError(
                f"{self.path / MANIFEST_NAME}: {error}. Restore the file, or propose anew."
            ) from error

    @property
    def images(self) -> Sequence[ImageRecord]:
        """The images in the order of the store; made one by one when indexed."""
        return StoredImages(self._table)

    @property
    def image_ids(self) -> np.ndarray:
        """(num_images,) int64."""
        return self._image_ids

    @property
    def shard_of_image(self) -> np.ndarray:
        """(num_images,) int64, the number of the shard that holds each image."""
        return self._shard_of_image

    @property
    def num_objects_of_image(self) -> np.ndarray:
        """(num_images,) int64, how many objects each image holds."""
        return self._num_kept

    @cached_property
    def coverage(self) -> Mapping[int, Coverage]:
        """Marks and ignored regions of the images, by image id; see `load_coverage`."""
        return load_coverage(self.path / COVERAGE_NAME)

    def count_given(self) -> GivenCounts:
        """Count the objects that came with a mask or a box; before corrections."""
        masks = boxes = estimates = 0
        for number in self._shards:
            rows = read_shard(self.path, number, OBJECTS_SUFFIX)
            with_mask = rows_with_given_mask(rows)
            lengths = box_lengths(rows)
            masks += len(with_mask)
            lengths[with_mask] = 0
            boxes += int((lengths == BOX_LENGTH).sum())
            estimates += int((lengths > BOX_LENGTH).sum())
        return GivenCounts(masks, boxes, estimates)

    def given_ids(self) -> frozenset[int]:
        """Annotation ids of the objects that came with a mask."""
        ids: set[int] = set()
        for number in self._shards:
            rows = read_shard(self.path, number, OBJECTS_SUFFIX)
            ids.update(rows["annotation_id"].to_numpy()[rows_with_given_mask(rows)].tolist())
        return frozenset(ids)

    def object_columns(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield columns of all objects (see `object_schema`), a batch a shard, memory-mapped.

        Objects that a correction deleted are left out; decided masks are not looked at.
        """
        for number in self._shards:
            rows = read_shard(self.path, number, OBJECTS_SUFFIX)
            if self.corrections is not None and self.corrections.deleted:
                deleted = np.array(sorted(self.corrections.deleted))
                rows = rows.filter(~np.isin(rows["annotation_id"].to_numpy(), deleted))
            yield rows.select(list(names))

    def used_categories(self) -> tuple[Category, ...]:
        """Return the categories that have an object."""
        columns = self.object_columns(["category_id"])
        used = {i for rows in columns for i in np.unique(rows["category_id"].to_numpy()).tolist()}
        return tuple(c for c in self.categories if c.category_id in used)

    def numbered_objects(
        self, among: Collection[int] | None = None
    ) -> Iterator[tuple[int, int, int, tuple[float, float]]]:
        """Yield annotation id, image id, category id and click (x, y) of objects.

        Args:
            among: annotation ids of the objects; None for all.
        """
        ids = ("annotation_id", "image_id", "category_id")
        wanted = None if among is None else np.fromiter(among, np.int64, len(among))
        for rows in self.object_columns((*ids, "points")):
            if wanted is not None:
                rows = rows.filter(np.isin(rows["annotation_id"].to_numpy(), wanted))
            columns = [rows[name].to_pylist() for name in ids]
            yield from zip(*columns, first_points(rows), strict=True)

    def objects_of_image(self, index: int) -> list[StoredObject]:
        """Read all objects of an image.

        Args:
            index: position of the image in `images`.

        Returns:
            Its objects in the order of the clicks; an empty list for an image without clicks.
        """
        first, count = int(self._first_object[index]), int(self._num_objects[index])
        if count == 0:
            return []
        rows = self._objects(int(self._shard_of_image[index])).slice(first, count)
        image = self.images[index]
        size = (image.height, image.width)
        objects = self._read_objects(rows, image)
        if self.corrections is None:
            return objects
        return correct_objects(objects, self.corrections, size)

    def find(self, annotation_id: int) -> StoredObject:
        """Read one object.

        Args:
            annotation_id: its id in the clicks file.

        Raises:
            KeyError: if the store holds no such object, or a correction deleted it.
        """
        image_index, row = self._place_of(annotation_id)
        if self.corrections is not None:
            for stored in self._corrected_objects(image_index):
                if stored.click.annotation_id == annotation_id:
                    return stored
            raise KeyError(f"{self.path}: the object {annotation_id} was deleted in review")
        rows = self._objects(int(self._shard_of_image[image_index])).slice(row, 1)
        image = self.images[image_index]
        return self._read_objects(rows, image)[0]

    def _read_objects(self, rows: pa.RecordBatch, image: ImageRecord) -> list[StoredObject]:
        """Convert rows of one image to objects.

        Raises:
            StoreError: the rows are damaged.
        """
        try:
            # Offsets that lead out of the file would crash the process.
            rows.validate(full=True)
            return objects_from_rows(rows, (image.height, image.width))
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise StoreError(
                f"{self.path}: the objects of image {image.image_id} ({image.file_name}) are "
                f"damaged ({error}). `sapnet doctor --proposals` names the files to delete before "
                "`sapnet propose` makes them again."
            ) from error

    def damaged_files(self) -> Iterator[Path]:
        """Yield the objects files whose content does not fit the checksum of their shard."""
        for number in self._shards:
            path = shard_file(self.path, number, OBJECTS_SUFFIX)
            if has_right_objects(read_shard(self.path, number, IMAGES_SUFFIX), path) is False:
                yield path

    def position_of(self, image_id: int) -> int:
        """Return the position of an image in `images`.

        Raises:
            KeyError: if the store holds no such image.
        """
        order = self._images_by_id
        place = int(np.searchsorted(self._image_ids, image_id, sorter=order))
        if place == len(order) or self._image_ids[order[place]] != image_id:
            raise KeyError(f"{self.path}: no image with image_id {image_id}")
        return int(order[place])

    def image_index_of(self, annotation_id: int) -> int:
        """Position in `images` of the image that an object lies on.

        Raises:
            KeyError: if the store holds no such object.
        """
        return self._place_of(annotation_id)[0]

    def _place_of(self, annotation_id: int) -> tuple[int, int]:
        """Find the object's image, and its row in the objects file of that image's shard."""
        order, sorted_ids = self._objects_by_id
        place = int(np.searchsorted(sorted_ids, annotation_id))
        if place == len(sorted_ids) or sorted_ids[place] != annotation_id:
            raise KeyError(f"{self.path}: no object with annotation_id {annotation_id}")
        position = int(order[place])
        # Images without objects share their start with the next one, hence the last such image.
        image_index = int(np.searchsorted(self._object_starts, position, side="right")) - 1
        row = self._first_object[image_index] + position - self._object_starts[image_index]
        return image_index, int(row)

    def _corrected_objects(self, image_index: int) -> list[StoredObject]:
        """Return the objects of an image; the last result is kept, as describing them costs."""
        if self._last_corrected is None or self._last_corrected[0] != image_index:
            self._last_corrected = image_index, self.objects_of_image(image_index)
        return self._last_corrected[1]

    def _count_kept(self, corrections: Corrections) -> np.ndarray:
        """Count the objects left in each image, (num_images,); check every correction."""
        kept = self._num_objects.copy()
        decided = corrections.fixed.keys() | corrections.deleted
        points = {key: point for key, _, _, point in self.numbered_objects(decided)}
        for annotation_id in (*corrections.fixed, *corrections.deleted):
            try:
                image_index = self.image_index_of(annotation_id)
            except KeyError as error:
                raise ValueError(
                    f"{corrections.source}: object {annotation_id} is not in {self.path}. Name the "
                    "store whose labels were reviewed."
                ) from error
            image, point = self.images[image_index], points[annotation_id]
            if annotation_id in corrections.deleted:
                check_reviewed_click(corrections, annotation_id, image, point)
                kept[image_index] -= 1
            else:
                check_correction(corrections, annotation_id, image, point)
        return kept

    @cached_property
    def _images_by_id(self) -> np.ndarray:
        """(num_images,) positions of the images, ordered by image id."""
        order: np.ndarray = np.argsort(self._image_ids, kind="stable")
        return order

    @cached_property
    def _object_starts(self) -> np.ndarray:
        """(num_images,) number of objects before each image, in the order of the store."""
        starts: np.ndarray = np.cumsum(self._num_objects) - self._num_objects
        return starts

    @cached_property
    def _objects_by_id(self) -> tuple[np.ndarray, np.ndarray]:
        """(num_objects,) positions sorted by annotation id, and the sorted ids."""
        columns = [
            read_shard(self.path, number, OBJECTS_SUFFIX)["annotation_id"].to_numpy()
            for number in self._shards
        ]
        ids = np.concatenate(columns) if columns else np.zeros(0, np.int64)
        order = np.argsort(ids, kind="stable")
        return order, ids[order]

    def _objects(self, number: int) -> pa.RecordBatch:
        """Return the mapped objects of a shard; the least recently used ones make room."""
        if number not in self._mapped:
            path = shard_file(self.path, number, OBJECTS_SUFFIX)
            self._mapped[number] = read_shard(self.path, number, OBJECTS_SUFFIX)
            self._mapped_bytes[number] = path.stat().st_size
        self._mapped.move_to_end(number)
        while len(self._mapped) > 1 and (
            len(self._mapped) > OPEN_SHARDS or sum(self._mapped_bytes.values()) > MAPPED_BYTES
        ):
            oldest, _ = self._mapped.popitem(last=False)
            del self._mapped_bytes[oldest]
        return self._mapped[number]
