"""Merge marked data sets into one with a single category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sapnet.data.coco import load_instances

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sapnet.data.coco import InstanceSet
    from sapnet.pretraining.config import SourceConfig

CATEGORY = "object"
"""Name of the single category."""


def merge_sources(sources: Sequence[SourceConfig], root: Path) -> dict[str, Any]:
    """Merge data sets into one COCO file whose objects are all of one category.

    A set that is to be seen several times in an epoch is listed as often, under new ids.

    Args:
        sources: the data sets.
        root: folder that holds the images of all of them; file names are relative to it.

    Returns:
        Content of the COCO file. Crowds stay crowds.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is malformed, names no image with an object that is kept, or its images
            lie outside `root`.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for source in sources:
        truth = load_instances(source.truth)
        folder = _below(source.images, root)
        kept = _kept_images(truth, source)
        if not kept:
            raise ValueError(
                f"{source.truth}: expected an image with an object"
                + (f" of the categories {source.categories}" if source.categories else "")
                + ", found none. Leave the set out or name other categories."
            )
        for _ in range(source.repeats):
            _append(truth, kept, folder, source, images, annotations)
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": CATEGORY}],
    }


def _below(folder: Path, root: Path) -> str:
    """Return the path of a folder relative to the root, with slashes."""
    try:
        return folder.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise ValueError(
            f"{folder}: expected a folder of images below {root}, found one outside. Name a root "
            "that holds all sets."
        ) from error


def _kept_images(truth: InstanceSet, source: SourceConfig) -> set[int]:
    """Return the ids of the images to learn from, the same number of them in each run."""
    ids = {
        instance.image_id
        for instance in truth.instances
        if not instance.is_crowd and source.takes(instance.category_id)
    }
    ordered = [image.image_id for image in truth.images if image.image_id in ids]
    if source.limit is None or len(ordered) <= source.limit:
        return set(ordered)
    step = len(ordered) / source.limit
    return {ordered[int(i * step)] for i in range(source.limit)}


def _append(
    truth: InstanceSet,
    kept: set[int],
    folder: str,
    source: SourceConfig,
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
) -> None:
    """Append the kept images and their objects under new ids."""
    new_ids: dict[int, int] = {}
    for image in truth.images:
        if image.image_id in kept:
            new_ids[image.image_id] = len(images) + 1
            images.append(
                {
                    "id": len(images) + 1,
                    "file_name": f"{folder}/{image.file_name}",
                    "height": image.height,
                    "width": image.width,
                }
            )
    for instance in truth.instances:
        if instance.image_id in kept and source.takes(instance.category_id):
            x1, y1, x2, y2 = instance.box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": new_ids[instance.image_id],
                    "category_id": 1,
                    "iscrowd": int(instance.is_crowd),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": instance.area,
                    "segmentation": instance.segmentation,
                }
            )
