"""Survey a training set: sizes and positions of its objects in the network's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.batches.augment import resize_factor
from sapnet.segmentation.fitting import ObjectLayout
from sapnet.store.reader import ProposalStore
from sapnet.store.rows import BOX_LENGTH
from sapnet.store.tables import box_lengths, read_image_table

if TYPE_CHECKING:
    import pyarrow as pa

    from sapnet.batches.config import AugmentConfig
    from sapnet.data.coco import InstanceSet

COLUMNS = ("image_id", "points", "box", "boxes", "scores")
"""Columns that are read from a store."""


@dataclass(frozen=True)
class _Objects:
    """Sizes (N,), points (N, 2) x, y and image ids (N,) of objects, original frame."""

    sizes: np.ndarray
    points: np.ndarray
    image_ids: np.ndarray


@dataclass(frozen=True)
class _Images:
    """Ids, heights and widths of images, (num_images,) each."""

    ids: np.ndarray
    heights: np.ndarray
    widths: np.ndarray


def survey(source: ProposalStore | InstanceSet, augment: AugmentConfig) -> ObjectLayout:
    """Return the objects of a training set at the largest input size.

    Args:
        source: proposals, or instances, of which crowds are left out.
        augment: sizes of the input.

    Returns:
        From instances, sizes and centres of their boxes. From proposals, an object's centre is its
        click; its size is that of the known box it came with, else that of the middle one of its
        proposals by size. Objects without proposals are left out, as in training.
    """
    if isinstance(source, ProposalStore):
        return _layout(_stored_objects(source), _stored_images(source), augment)
    return _layout(_instances(source), _listed_images(source), augment)


def _stored_objects(store: ProposalStore) -> _Objects:
    parts = [_objects_of(rows) for rows in store.object_columns(COLUMNS)]
    if not parts:
        return _Objects(np.zeros(0), np.zeros((0, 2)), np.zeros(0, np.int64))
    return _Objects(
        np.concatenate([part.sizes for part in parts]),
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.image_ids for part in parts]),
    )


def _objects_of(rows: pa.RecordBatch) -> _Objects:
    """Return the objects of one shard that have proposals."""
    import pyarrow.compute as pc

    counts = pc.list_value_length(rows["scores"]).to_numpy()
    boxes = rows["boxes"].flatten().to_numpy().reshape(-1, 4)
    sizes = middle_of_groups(box_sizes(boxes), counts)
    # An estimated box, which its score follows, is a prompt and bounds nothing.
    is_known = box_lengths(rows) == BOX_LENGTH
    sizes[is_known] = box_sizes(rows["box"].filter(is_known).flatten().to_numpy().reshape(-1, 4))
    numbers = rows["points"].flatten().to_numpy()
    lengths = pc.list_value_length(rows["points"]).to_numpy()
    first = np.cumsum(lengths) - lengths
    points = np.stack([numbers[first], numbers[first + 1]], axis=1)
    kept = counts > 0
    return _Objects(sizes[kept], points[kept], rows["image_id"].to_numpy()[kept])


def _stored_images(store: ProposalStore) -> _Images:
    table = read_image_table(store.path)
    ids, heights, widths = (table[name].to_numpy() for name in ("image_id", "height", "width"))
    return _Images(ids, heights, widths)


def _instances(instances: InstanceSet) -> _Objects:
    objects = [instance for instance in instances.instances if not instance.is_crowd]
    boxes = np.array([instance.box for instance in objects], np.float64).reshape(-1, 4)
    image_ids = np.array([instance.image_id for instance in objects], np.int64)
    return _Objects(box_sizes(boxes), (boxes[:, :2] + boxes[:, 2:]) / 2, image_ids)


def _listed_images(instances: InstanceSet) -> _Images:
    listed = [(image.image_id, image.height, image.width) for image in instances.images]
    return _Images(*np.array(listed, np.int64).reshape(-1, 3).T)


def _layout(objects: _Objects, images: _Images, augment: AugmentConfig) -> ObjectLayout:
    """Convert the objects to the input frame."""
    short_side = max(augment.short_sides)
    factors = resize_factor(images.heights, images.widths, short_side, augment.max_long_side)
    sides = np.stack([images.widths, images.heights], axis=1) * factors[:, None]
    padded = np.ceil(sides / augment.pad_divisor).astype(np.int64) * augment.pad_divisor
    order = np.argsort(images.ids)
    index = order[np.searchsorted(images.ids, objects.image_ids, sorter=order)]
    centers = objects.points * factors[index, None] / padded[index]
    return ObjectLayout(
        sizes=objects.sizes * factors[index],
        centers=centers.clip(0, 1),
        image_index=index,
        num_images=len(images.ids),
        short_side=int(np.median(padded.min(axis=1))) if len(padded) else short_side,
        long_side=int(padded.max(initial=short_side)),
    )


def box_sizes(boxes: np.ndarray) -> np.ndarray:
    """Return the sizes by which SOLOv2 sorts objects: roots of the areas of (N, 4) boxes."""
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    sizes: np.ndarray = np.sqrt(sides.prod(axis=1))
    return sizes


def middle_of_groups(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the median of each group of consecutive values, the lower of two middle ones.

    Args:
        values: all groups, one after the other.
        counts: (N,) values of each group, which may be 0.

    Returns:
        (N,) float64; NaN for an empty group.
    """
    groups = np.repeat(np.arange(len(counts)), counts)
    ordered = values[np.lexsort((values, groups))]
    middles = np.full(len(counts), np.nan)
    filled = counts > 0
    starts = np.cumsum(counts) - counts
    middles[filled] = ordered[(starts + (counts - 1) // 2)[filled]]
    return middles
