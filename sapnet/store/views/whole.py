"""A store of windows seen as a store of whole images, beside labels and ground truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.tiles.coverage import whole_coverage
from sapnet.data.tiles.windows import MOST_WINDOWS, is_copy, whole_images, window_of
from sapnet.geometry.rle_windows import place_rle, place_rles
from sapnet.store.reader import ProposalStore, open_store
from sapnet.structures.clicks import Click, Coverage, ImageRecord
from sapnet.structures.proposals import StoredObject

if TYPE_CHECKING:
    import pyarrow as pa

    from sapnet.data.image_files.address import Window
    from sapnet.structures.corrections import Corrections
    from sapnet.system.locations import Location


def open_whole_store(store: ProposalStore | Location) -> ProposalStore:
    """Open a store in the frame of whole images; see `WholeStore`.

    Args:
        store: a store, its folder or URL.

    Returns:
        The store itself if its images are whole ones.

    Raises:
        StoreError: no store there, a damaged one, or one of a newer format.
    """
    opened = open_store(store)
    if not opened.parts or isinstance(opened, WholeStore):
        return opened
    return WholeStore(opened.path, opened.corrections)


class WholeStore(ProposalStore):
    """Objects of a store of windows in the frame of their whole images, each once.

    Args:
        path: the folder, or its URL.
        corrections: of the windows, see `open_corrected`.
    """

    def __init__(self, path: Location, corrections: Corrections | None = None) -> None:
        tiled = self._tiled = ProposalStore(path, corrections)
        self.path, self.manifest, self.corrections = tiled.path, tiled.manifest, tiled.corrections
        self._shards = tiled._shards
        self._whole = whole_images(tiled.images)
        self._image_ids = np.array([image.image_id for image in self._whole], np.int64)
        place = {image.image_id: index for index, image in enumerate(self._whole)}
        self._windows: dict[int, list[int]] = defaultdict(list)
        for number, window in enumerate(tiled.image_ids.tolist()):
            self._windows[place[window // MOST_WINDOWS]].append(number)
        self._image_of = {key: place[image] for key, image, _, _ in self.numbered_objects()}
        counts = np.bincount(list(self._image_of.values()), minlength=len(self._whole))
        self._num_objects = self._num_kept = counts.astype(np.int64)

    def __reduce__(self) -> tuple[type[ProposalStore], tuple[Path, Corrections | None]]:
        return (WholeStore, (self.path, self.corrections))

    @property
    def is_complete(self) -> bool:
        """True if every window of the data set is there."""
        return self._tiled.is_complete

    @property
    def images(self) -> Sequence[ImageRecord]:
        """The whole images, in the order of the store."""
        return self._whole

    @property
    def shard_of_image(self) -> np.ndarray:
        """(num_images,) int64, the number of the shard that holds each image's first window."""
        first = [self._windows[index][0] for index in range(len(self._whole))]
        found: np.ndarray = self._tiled.shard_of_image[first]
        return found

    @cached_property
    def coverage(self) -> Mapping[int, Coverage]:
        """Coverage of the whole images, by image id."""
        return whole_coverage(self._tiled.coverage, self._tiled.images, self._whole)

    def given_ids(self) -> frozenset[int]:
        """Annotation ids of the objects that came with a mask."""
        return frozenset(key for key in self._tiled.given_ids() if not is_copy(key))

    def object_columns(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield columns of all objects as `ProposalStore` does, in the frame of the windows."""
        for rows in self._tiled.object_columns(tuple({*names, "annotation_id"})):
            yield rows.filter(rows["annotation_id"].to_numpy() >= 0).select(list(names))

    def numbered_objects(
        self, among: Collection[int] | None = None
    ) -> Iterator[tuple[int, int, int, tuple[float, float]]]:
        """Yield annotation id, image id, category id and click (x, y) of objects.

        Args:
            among: annotation ids of the objects; None for all.
        """
        corners = {image.image_id: window_of(image) for image in self._tiled.images}
        for key, image_id, category_id, (x, y) in self._tiled.numbered_objects(among):
            if not is_copy(key):
                window = corners[image_id]
                yield key, image_id // MOST_WINDOWS, category_id, (x + window.x, y + window.y)

    def objects_of_image(self, index: int) -> list[StoredObject]:
        """Read all objects of a whole image, in the order of its windows.

        Args:
            index: position of the image in `images`.
        """
        image = self._whole[index]
        return [
            _placed(stored, window_of(self._tiled.images[number]), image)
            for number in self._windows[index]
            for stored in self._tiled.objects_of_image(number)
            if not is_copy(stored.click.annotation_id)
        ]

    def find(self, annotation_id: int) -> StoredObject:
        """Read one object; see `ProposalStore.find`.

        Raises:
            KeyError: if the store holds no such object, or a correction deleted it.
        """
        stored = self._tiled.find(annotation_id)
        window = self._tiled.images[self._tiled.image_index_of(annotation_id)]
        return _placed(stored, window_of(window), self._whole[self._image_of[annotation_id]])

    def image_index_of(self, annotation_id: int) -> int:
        """Position in `images` of the image that an object lies on.

        Raises:
            KeyError: if the store holds no such object.
        """
        if annotation_id not in self._image_of:
            raise KeyError(f"{self.path}: no object with annotation_id {annotation_id}")
        return self._image_of[annotation_id]


def _placed(stored: StoredObject, window: Window, image: ImageRecord) -> StoredObject:
    """Return an object of a window in the frame of the whole image."""
    size, corner = (image.height, image.width), (window.x, window.y)
    proposals = stored.proposals
    return replace(
        stored,
        click=_moved(stored.click, window, image),
        proposals=replace(
            proposals,
            rles=place_rles(proposals.rles, corner, size),
            boxes=proposals.boxes + np.array([*corner, *corner], np.float32),
        ),
    )


def _moved(click: Click, window: Window, image: ImageRecord) -> Click:
    x, y = window.x, window.y
    box = click.box
    size = (image.height, image.width)
    return replace(
        click,
        image_id=image.image_id,
        points=tuple((left + x, top + y) for left, top in click.points),
        negative_points=tuple((left + x, top + y) for left, top in click.negative_points),
        box=None if box is None else (box[0] + x, box[1] + y, box[2] + x, box[3] + y),
        mask=None if click.mask is None else place_rle(click.mask, (x, y), size),
    )
