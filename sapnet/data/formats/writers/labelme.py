"""Writer of LabelMe json, one file per image, for correction by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.formats.writers.files import (
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.geometry.polygons import mask_polygons
from sapnet.geometry.rle import decode_masks
from sapnet.structures.origin import origin_words
from sapnet.system.files import write_json_atomic

VERSION = "5.5.0"
"""The LabelMe release whose format is written; newer ones and X-AnyLabeling read it too."""


def write_labelme(instances: InstanceSet, folder: Path, options: ExportOptions) -> None:
    """Write a json file per image and, if the images are available, the image beside it.

    Each part of an object is a polygon just inside the pixel edges, which LabelMe's own filling
    turns back into the part, with its holes joined by seams; the parts of an object share a
    `group_id`.

    Args:
        instances: the masks; none of them empty.
        folder: folder of the files.
        options: `images` and `simplify` are used.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one label file.
    """
    check_label_names(instances.images)
    names = {category.category_id: category.name for category in instances.categories}
    grouped = instances.instances_by_image()
    for image in instances.images:
        path = folder / label_name(image, ".json")
        content: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": [
                shape
                for number, instance in enumerate(grouped[image.image_id], start=1)
                for shape in _shapes(instance, names, number, options.simplify)
            ],
            "imagePath": os.path.relpath(folder / image.file_name, path.parent),
            "imageData": None,
            "imageHeight": image.height,
            "imageWidth": image.width,
        }
        write_json_atomic(path, content)
        place_image(image, options.images, folder)


def _shapes(
    instance: Instance, names: dict[int, str], number: int, simplify: float
) -> Iterator[dict[str, Any]]:
    outlines = mask_polygons(decode_masks([instance.rle()])[0], "inside", simplify)
    for outline in outlines:
        yield {
            "label": names[instance.category_id],
            "points": outline.tolist(),
            "group_id": number if len(outlines) > 1 else None,
            "description": _description(instance),
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }


def _description(instance: Instance) -> str:
    score = "" if instance.score is None else f"score {instance.score:.3f}"
    return "; ".join(filter(None, [score, origin_words(instance.origin)]))
