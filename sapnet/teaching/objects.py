"""Reading of the marked objects of some sources, and how often each is drawn."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sapnet.data.image_files.depth import depth_line, find_depth
from sapnet.geometry.rle import rle_areas, rle_boxes
from sapnet.teaching.config import PoolConfig, SourceConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject, ObjectPool, pool_of
from sapnet.teaching.reading.marks import Mark, read_marks

logger = logging.getLogger(__name__)


def load_pool(
    sources: Sequence[SourceConfig],
    cfg: PoolConfig | None = None,
    bits: int | None = None,
    bands: Sequence[int] | None = None,
) -> ObjectPool:
    """Read the marked objects of some sources.

    Args:
        sources: folders and files.
        cfg: how often objects are drawn.
        bits: bit depth of images of more than 8 bits; None for that of the largest value of each
            source, which is a data set of its own.
        bands: numbers of the bands that are read, from 1 on; None for those that a
            source notes, else the files' own.

    Raises:
        FileNotFoundError: a file or an image is missing.
        ValueError: if there is not one object in a source, or a file is malformed.
    """
    cfg = cfg or PoolConfig()
    images: list[MarkedImage] = []
    shares: list[np.ndarray] = []
    for source in sources:
        found = _with_depth(_images_of(source, cfg, bands), bits, source.truth)
        weights = np.array([o.weight for image in found for o in image.objects], np.float64)
        if not len(weights):
            raise ValueError(
                f"{source.truth}: expected objects with masks of {cfg.min_area} px or more, found 0"
            )
        images.extend(found)
        shares.append(source.weight * weights / weights.sum())
    return pool_of(images, np.concatenate(shares))


def _images_of(
    source: SourceConfig, cfg: PoolConfig, bands: Sequence[int] | None
) -> list[MarkedImage]:
    folder = Path(source.images)
    found = []
    for image, marks in read_marks(Path(source.truth), folder, bands):
        side = (image.height * image.width) ** 0.5
        objects = _objects_of(marks, side, source.whole_category, cfg)
        if objects:
            found.append(MarkedImage(folder / image.file_name, objects))
    return found


def _with_depth(images: Sequence[MarkedImage], given: int | None, source: str) -> list[MarkedImage]:
    """Add the bit depth of a source: as given, or that of its largest value."""
    bits = given or find_depth(image.path for image in images)
    if line := depth_line(bits, given is not None):
        logger.info("%s: %s", source, line)
    return [replace(image, bits=bits) for image in images]


def _objects_of(
    marks: Sequence[Mark], image_side: float, whole_category: int | None, cfg: PoolConfig
) -> tuple[MarkedObject, ...]:
    rles = [mark.rle for mark in marks]
    areas, boxes = rle_areas(rles), rle_boxes(rles)
    wholes = sum(mark.category_id == whole_category for mark in marks)
    parts = len(marks) - wholes
    objects = []
    for mark, area, box in zip(marks, areas, boxes, strict=True):
        weight = min(1.0, float(area) ** 0.5 / (image_side * max(cfg.full_weight_size, 1e-9)))
        if mark.category_id == whole_category:
            weight *= max(parts, 1) / wholes
        if area >= cfg.min_area:
            objects.append(MarkedObject(mark.rle, box, int(area), weight, mark.click))
    return tuple(objects)
