"""A store brought in line with clicks that have changed.

Images are the unit: the proposals of an object depend on the other clicks of its image. An image
whose clicks are as they were stays as it is, so that the updated store holds what a new one would.
A kill in between loses at most the images of the shard in flight, which are proposed for again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sapnet.store.layout import MANIFEST_NAME, OBJECTS_SUFFIX, StoreError
from sapnet.store.manifest import Manifest, check_same_run, manifest_text
from sapnet.store.reader import ProposalStore
from sapnet.store.rows import click_to_row
from sapnet.store.tables import read_shard
from sapnet.store.writer import ProposalWriter
from sapnet.structures.proposals import GIVEN_MASK
from sapnet.system.files import write_bytes_atomic

if TYPE_CHECKING:
    import pyarrow as pa

    from sapnet.structures.clicks import Click, ClickSet

_CLICK_COLUMNS = (
    "annotation_id",
    "image_id",
    "category_id",
    "points",
    "negative_points",
    "box",
)


@dataclass(frozen=True)
class StoreUpdate:
    """Numbers of images of a store that was brought in line with changed clicks.

    Attributes:
        kept: images whose clicks are as they were.
        changed: images with other clicks than before; they are proposed for again.
        dropped: images that are no longer in the data set.
    """

    kept: int
    changed: int
    dropped: int

    def __str__(self) -> str:
        return (
            f"the clicks have changed since the store was made: {self.kept} images are kept, "
            f"{self.changed} are proposed for again, {self.dropped} were dropped"
        )


def take_out_outdated(
    path: Path, found: Manifest, wanted: Manifest, clicks: ClickSet
) -> StoreUpdate:
    """Take images with other clicks out of a store, and write its new description.

    Args:
        path: folder of the store.
        found: its description.
        wanted: description of the run that goes on, of other clicks.
        clicks: these clicks, turned upright.

    Raises:
        StoreError: the proposer or its settings differ, no image of the store is among the clicks',
            or another process is writing the store.
    """
    same_data = replace(
        found,
        data_fingerprint=wanted.data_fingerprint,
        format_version=wanted.format_version,
    )
    check_same_run(path, same_data, wanted)
    store = ProposalStore(path)
    images = {image.image_id for image in clicks.images}
    names = {image.file_name for image in clicks.images}
    if store.num_images and names.isdisjoint(image.file_name for image in store.images):
        raise StoreError(
            f"{path}: a store of other images: the clicks list none of its {store.num_images} "
            f"images, such as {store.images[0].file_name}. Give another --out."
        )
    outdated = _outdated(store, clicks)
    kept = store.num_images - len(outdated)
    update = StoreUpdate(kept, len(outdated & images), len(outdated - images))
    with ProposalWriter(path, found) as writer:
        for number, positions in _shards_with(store, outdated).items():
            remaining = [
                (store.images[place], store.objects_of_image(place))
                for place in positions
                if int(store.image_ids[place]) not in outdated
            ]
            writer.remove_shard(number)
            for image, objects in remaining:
                writer.add(image, objects)
            writer.flush()
        write_bytes_atomic(path / MANIFEST_NAME, manifest_text(wanted))
    return update


def _shards_with(store: ProposalStore, outdated: set[int]) -> dict[int, list[int]]:
    """Return the positions of all images of the shards that hold an outdated one."""
    positions: dict[int, list[int]] = defaultdict(list)
    for place, number in enumerate(store.shard_of_image.tolist()):
        positions[number].append(place)
    return {
        number: places
        for number, places in positions.items()
        if any(int(store.image_ids[place]) in outdated for place in places)
    }


def _outdated(store: ProposalStore, clicks: ClickSet) -> set[int]:
    """Return the ids of the stored images that the clicks no longer show as they are stored."""
    wanted = _rows_by_image(
        click_to_row(click) | {"mask": _counts(click)} for click in clicks.clicks
    )
    records = {image.image_id: image for image in clicks.images}
    stored = _rows_by_image(_stored_rows(store))
    return {
        image.image_id
        for image in store.images
        if records.get(image.image_id) != image
        or stored.get(image.image_id, []) != wanted.get(image.image_id, [])
    }


def _rows_by_image(rows: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["image_id"]].append(row)
    return grouped


def _stored_rows(store: ProposalStore) -> Iterable[dict[str, Any]]:
    """Yield the clicks of all objects; `mask` is the run lengths of a mask that was given."""
    for number in sorted(set(store.shard_of_image.tolist())):
        batch: pa.RecordBatch = read_shard(store.path, number, OBJECTS_SUFFIX)
        prompts = batch["prompts"].to_pylist()
        for place, row in enumerate(batch.select(list(_CLICK_COLUMNS)).to_pylist()):
            is_given = prompts[place] == [GIVEN_MASK]
            yield row | {"mask": batch["rles"][place][0].as_py() if is_given else None}


def _counts(click: Click) -> bytes | None:
    return None if click.mask is None else click.mask["counts"]
