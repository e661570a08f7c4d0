"""Reading of the marked objects of some sources, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sapnet.geometry.rle import rle_areas, rle_boxes
from sapnet.teaching.config import PoolConfig, SourceConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject, ObjectPool, pool_of
from sapnet.teaching.reading.marks import Mark, read_marks


def load_pool(sources: Sequence[SourceConfig], cfg: PoolConfig | None = None) -> ObjectPool:
    """Read the marked objects of some sources.

    Args:
        sources: folders and files.
        cfg: how often objects are drawn.

    Raises:
        FileNotFoundError: a file or an image is missing.
        ValueError: if there is not one object in a source, or a file is malformed.
    """
    cfg = cfg or PoolConfig()
    images: list[MarkedImage] = []
    shares: list[np.ndarray] = []
    for source in sources:
        found = _images_of(source, cfg)
        weights = np.array([o.weight for image in found for o in image.objects], np.float64)
        if not len(weights):
            raise ValueError(
                f"{source.truth}: expected objects with masks of {cfg.min_area} px or more, found 0"
            )
        images.extend(found)
        shares.append(source.weight * weights / weights.sum())
    return pool_of(images, np.concatenate(shares))


def _images_of(source: SourceConfig, cfg: PoolConfig) -> list[MarkedImage]:
    folder = Path(source.images)
    found = []
    for image, marks in read_marks(Path(source.truth), folder):
        side = (image.height * image.width) ** 0.5
        objects = _objects_of(marks, side, source.whole_category, cfg)
        if objects:
            found.append(MarkedImage(folder / image.file_name, objects))
    return found


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
