"""Writers of folders for `datasets`: objects as records, or as Mask2Former's maps."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.coco_json import label_of_category
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.files import (
    HIDDEN,
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.data.formats.writers.split import Parts
from sapnet.geometry.placing import number_masks
from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes, rle_to_json, to_rle
from sapnet.structures.clicks import RLE, Category, ImageRecord
from sapnet.structures.split import TEST, TRAIN, VAL
from sapnet.system.files import write_bytes_atomic, write_text_atomic

METADATA = "metadata.jsonl"

BACKGROUND = "background"
"""Name of the class of pixels without an object."""

FOLDERS = {TRAIN: "train", VAL: "validation", TEST: "test"}
"""Folder of each part, by whose name `datasets` knows it."""

_IMAGES, _MAPS = "images", "annotations"

_LOW = 256
"""Object numbers of a map are green + 256 * blue."""

_MOST = _LOW**2 - 1

_MOST_CATEGORIES = _LOW - 1


def write_imagefolder(
    parts: Parts, folder: Path, options: ExportOptions, findings: Findings
) -> None:
    """Write a folder per part with the images and `metadata.jsonl`, the objects of each image.

    Args:
        parts: the masks of each part; none of them empty.
        folder: folder of the data set.
        options: images.
        findings: collects parts without an object, whose columns have no type.

    Raises:
        FileNotFoundError: an image is missing.
    """
    for part, inside in parts.items():
        place = folder / FOLDERS[part]
        label_of = label_of_category(inside.categories)
        names = {category.category_id: category.name for category in inside.categories}
        grouped = inside.instances_by_image()
        has_scores = any(instance.score is not None for instance in inside.instances)
        records = []
        for image in inside.images:
            objects = grouped[image.image_id]
            held = _objects(objects)
            held["categories"] = [label_of[o.category_id] for o in objects]
            held["names"] = [names[o.category_id] for o in objects]
            if has_scores:
                held["scores"] = [o.score for o in objects]
            size = {"width": image.width, "height": image.height}
            records.append(
                {"file_name": image.file_name, "image_id": image.image_id, **size, "objects": held}
            )
            place_image(image, options, place)
        if not inside.instances:
            what = (
                "parts without an object, which `datasets` refuses beside others; see --split-seed"
            )
            findings.note(what, part)
        _write_metadata(place, records)


def _objects(objects: list[Instance]) -> dict[str, list[Any]]:
    """Return the columns of the objects of an image."""
    rles = [instance.rle() for instance in objects]
    return {
        "id": [instance.annotation_id for instance in objects],
        "bbox": [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in rle_boxes(rles).tolist()],
        "area": [int(area) for area in rle_areas(rles)],
        "segmentation": [rle_to_json(rle) for rle in rles],
    }


def write_mask2former(
    parts: Parts, folder: Path, options: ExportOptions, findings: Findings
) -> None:
    """Write maps of the objects as transformers' example for Mask2Former reads them.

    Each part has `images`, `annotations` and `metadata.jsonl`. A map is a png: red is the class
    counted from 1, green the number of the object in its image counted from 1 (plus 256 times
    blue), and 0 the background. `semantic_class_to_id` names the classes.

    Args:
        parts: the masks of each part; none of them empty.
        folder: folder of the data set.
        options: images.
        findings: collects hidden objects, and images with more objects than green counts.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one map, or there are more than 255 categories, or names
            that are not different.
    """
    for part, inside in parts.items():
        check_label_names(inside.images)
        place = folder / FOLDERS[part]
        label_of = label_of_category(inside.categories)
        classes = _classes(inside.categories, label_of)
        grouped = inside.instances_by_image()
        records = []
        for image in inside.images:
            name = f"{_MAPS}/{label_name(image, '.png')}"
            drawn = _map(image, grouped[image.image_id], label_of, findings)
            write_bytes_atomic(place / name, drawn)
            place_image(image, options, place / _IMAGES)
            records.append(
                {
                    "file_name": f"{_IMAGES}/{image.file_name}",
                    f"{_MAPS.removesuffix('s')}_file_name": name,
                    "semantic_class_to_id": classes,
                }
            )
        _write_metadata(place, records)


def _classes(categories: tuple[Category, ...], label_of: dict[int, int]) -> dict[str, int]:
    """Return the class of each name, 0 for the background."""
    ordered = sorted(categories, key=lambda category: category.category_id)
    classes = {BACKGROUND: 0} | {c.name: label_of[c.category_id] + 1 for c in ordered}
    if len(categories) > _MOST_CATEGORIES or len(classes) != len(categories) + 1:
        raise ValueError(
            f"maps for Mask2Former hold {_MOST_CATEGORIES} categories of different names, none of "
            f"them {BACKGROUND!r}; found {len(categories)}: {', '.join(c.name for c in ordered)}. "
            "Rename them, or export to imagefolder."
        )
    return classes


def _map(
    image: ImageRecord, objects: list[Instance], label_of: dict[int, int], findings: Findings
) -> bytes:
    """Return the png of the objects of an image."""
    for lost in objects[_MOST:]:
        place = f"{image.file_name}, object {lost.annotation_id}"
        findings.skip(f"objects beyond the {_MOST} that a map holds", place)
    objects = objects[:_MOST]
    if len(objects) >= _LOW:
        what = "images with more than 255 objects, of which the maps' blue counts the 256s"
        findings.note(what, image.file_name)
    rles = [instance.rle() for instance in objects]
    numbers, hidden = number_masks(rles, (image.height, image.width))
    for index in hidden:
        findings.note(HIDDEN, f"{image.file_name}, object {objects[index].annotation_id}")
    classes = np.array([0, *(label_of[o.category_id] + 1 for o in objects)])[numbers]
    pixels = np.stack([classes, numbers % _LOW, numbers // _LOW], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _write_metadata(place: Path, records: list[dict[str, Any]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    write_text_atomic(place / METADATA, "".join(lines))


def read_imagefolder(place: Path, images: InstanceSet) -> dict[str, list[RLE | None]]:
    """Read back the masks that `write_imagefolder` wrote for a part, by file name."""
    size_of = {image.file_name: (image.height, image.width) for image in images.images}
    return {
        record["file_name"]: [
            to_rle(segmentation, *size_of[record["file_name"]])
            for segmentation in record["objects"]["segmentation"]
        ]
        for record in _read_metadata(place)
    }


def read_mask2former(place: Path, images: InstanceSet) -> dict[str, list[RLE | None]]:
    """Read back the masks that `write_mask2former` wrote for a part, by file name."""
    grouped = images.instances_by_image()
    count_of = {image.file_name: len(grouped[image.image_id]) for image in images.images}
    found: dict[str, list[RLE | None]] = {}
    for record in _read_metadata(place):
        with Image.open(place / record["annotation_file_name"]) as drawn:
            pixels = np.asarray(drawn).astype(int)
        numbers = pixels[..., 1] + _LOW * pixels[..., 2]
        name = record["file_name"].removeprefix(f"{_IMAGES}/")
        found[name] = [
            encode_masks((numbers == number)[None])[0] for number in range(1, count_of[name] + 1)
        ]
    return found


def _read_metadata(place: Path) -> list[dict[str, Any]]:
    lines = (place / METADATA).read_text("utf-8").split("\n")  # names may hold other line ends
    return [json.loads(line) for line in lines if line]
