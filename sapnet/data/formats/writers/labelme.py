"""Writer of LabelMe json, one file per image, for correction by hand."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from sapnet.data.coco import Instance
from sapnet.data.formats.marks import IGNORED_CATEGORIES
from sapnet.data.formats.writers.files import (
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.data.formats.writers.split import Parts
from sapnet.geometry.polygons import mask_polygons
from sapnet.geometry.rle import decode_masks, rle_boxes
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.origin import origin_words
from sapnet.system.files import write_json_atomic

VERSION = "5.5.0"
"""The LabelMe release whose format is written; newer ones and X-AnyLabeling read it too."""


def write_labelme(parts: Parts, folder: Path, options: ExportOptions, *, masks: bool) -> None:
    """Write a json file per image and, if the images are available, the image beside it.

    As polygons, each part of an object is an outline just inside the pixel edges, which LabelMe's
    own filling turns back into the part, with its holes joined by seams; the parts of an object
    share a `group_id`. Masks hold the pixels themselves. With a split, each part has a folder.

    Args:
        parts: the masks of each part; none of them empty.
        folder: folder of the files.
        options: images and `simplify`.
        masks: True to write shapes of the type `mask`.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one label file.
    """
    for part, inside in parts.items():
        check_label_names(inside.images)
        names = {category.category_id: category.name for category in inside.categories}
        grouped = inside.instances_by_image()
        place = folder if options.split is None else folder / part
        for image in inside.images:
            path = place / label_name(image, ".json")
            shapes = [
                shape | {"label": _label(instance, names), "description": _description(instance)}
                for number, instance in enumerate(grouped[image.image_id], start=1)
                for shape in (
                    [_mask(instance)] if masks else _polygons(instance, number, options.simplify)
                )
            ]
            content: dict[str, Any] = {
                "version": VERSION,
                "flags": {},
                "shapes": shapes,
                "imagePath": _image_path(image, place, options),
                "imageData": None,
                "imageHeight": image.height,
                "imageWidth": image.width,
            }
            write_json_atomic(path, content)
            place_image(image, options, place)


def _label(instance: Instance, names: Mapping[int, str]) -> str:
    """Return the name of the category; of a region to ignore, LabelMe's own word."""
    return IGNORED_CATEGORIES[0] if instance.is_crowd else names[instance.category_id]


def _image_path(image: ImageRecord, place: Path, options: ExportOptions) -> str:
    """Return the path of an image from its json file: beside it, or where the image was left."""
    left = options.images is not None and not options.places_images
    images = options.images.resolve() if left and options.images is not None else place
    parent = (place / label_name(image, ".json")).parent
    return Path(os.path.relpath(images / image.file_name, parent)).as_posix()


def _description(instance: Instance) -> str:
    score = "" if instance.score is None else f"score {instance.score:.3f}"
    return "; ".join(filter(None, [score, origin_words(instance.origin)]))


def _polygons(instance: Instance, number: int, simplify: float) -> Iterator[dict[str, Any]]:
    outlines = mask_polygons(decode_masks([instance.rle()])[0], "inside", simplify)
    for outline in outlines:
        yield {
            "points": outline.tolist(),
            "group_id": number if len(outlines) > 1 else None,
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }


def _mask(instance: Instance) -> dict[str, Any]:
    """Return a shape with a png of the mask inside its box, which holds its last pixel."""
    rle = instance.rle()
    x1, y1, x2, y2 = rle_boxes([rle])[0].astype(int).tolist()
    crop = decode_masks([rle])[0][y1:y2, x1:x2].astype(bool)
    buffer = io.BytesIO()
    Image.fromarray(crop).convert("L").save(buffer, "PNG")
    return {
        "points": [[float(x1), float(y1)], [float(x2 - 1), float(y2 - 1)]],
        "group_id": None,
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }
