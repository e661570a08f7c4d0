"""Writer of Pascal VOC segmentation data sets: pngs with a palette, and xml."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.coco_json import label_of_category
from sapnet.data.formats.marks import Findings
from sapnet.data.formats.writers.files import (
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.geometry.polygons import at_least_three, mask_polygons
from sapnet.geometry.rle import decode_masks, rle_areas, rle_boxes
from sapnet.structures.clicks import ImageRecord
from sapnet.system.files import write_bytes_atomic, write_text_atomic

MAX_OBJECTS = 254
"""Largest number of objects of an image: of 256 palette indices, 0 is background and 255 border."""

_SPLIT = "ImageSets/Segmentation/train.txt"


def voc_palette() -> list[int]:
    """Return VOC's 256 colors as red, green, blue values in sequence.

    The bits of an index, taken three at a time from the lowest, are the bits of red, green and blue
    from the highest (`VOClabelcolormap` of the VOC development kit).
    """
    colors = np.zeros((256, 3), np.int64)
    numbers = np.arange(256)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((numbers >> (3 * bit + channel)) & 1) << (7 - bit)
    flat: list[int] = colors.ravel().tolist()
    return flat


def write_voc(
    instances: InstanceSet, folder: Path, options: ExportOptions, findings: Findings
) -> None:
    """Write a Pascal VOC data set.

    It consists of `Annotations`, `SegmentationObject`, `SegmentationClass`, `ImageSets` and
    `labels.txt`.

    Each pixel belongs to one object: if masks overlap, the smaller one is on top. The xml also
    contains the outlines of each object's parts as `polygon`, which supervision reads.

    Args:
        instances: the masks; none of them empty.
        folder: folder of the data set.
        options: `images` and `simplify` are used, the latter for the polygons of the xml.
        findings: collects objects beyond `MAX_OBJECTS` of an image, and hidden ones.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one label file, or there are over 254 categories.
    """
    check_label_names(instances.images)
    if len(instances.categories) > MAX_OBJECTS:
        raise ValueError(
            f"Pascal VOC pngs hold {MAX_OBJECTS} categories, found {len(instances.categories)}. "
            "Export to COCO instead."
        )
    grouped = instances.instances_by_image()
    label_of = label_of_category(instances.categories)
    names = {category.category_id: category.name for category in instances.categories}
    for image in instances.images:
        objects = grouped[image.image_id]
        for lost in objects[MAX_OBJECTS:]:
            what = f"objects beyond the {MAX_OBJECTS} that a png holds"
            findings.skip(what, f"{image.file_name}, object {lost.annotation_id}")
        objects = objects[:MAX_OBJECTS]
        numbers = _object_numbers(image, objects, findings)
        labels = np.array([0, *(label_of[o.category_id] + 1 for o in objects)], np.uint8)
        _write_png(folder / "SegmentationObject" / label_name(image, ".png"), numbers)
        _write_png(folder / "SegmentationClass" / label_name(image, ".png"), labels[numbers])
        xml = _xml(image, objects, names, options.simplify)
        write_text_atomic(folder / "Annotations" / label_name(image, ".xml"), xml)
        place_image(image, options.images, folder / "JPEGImages")
    stems = "".join(f"{label_name(image, '')}\n" for image in instances.images)
    write_text_atomic(folder / _SPLIT, stems)
    ordered = sorted(instances.categories, key=lambda category: category.category_id)
    lines = "".join(f"{name}\n" for name in ["background", *(c.name for c in ordered)])
    write_text_atomic(folder / "labels.txt", lines)


def _object_numbers(image: ImageRecord, objects: list[Instance], findings: Findings) -> np.ndarray:
    """Return the number, from 1, of the object at each pixel, (H, W) uint8, 0 for none."""
    numbers = np.zeros((image.height, image.width), np.uint8)
    rles = [instance.rle() for instance in objects]
    for index in np.argsort(-rle_areas(rles), kind="stable").tolist():
        numbers[decode_masks([rles[index]])[0] != 0] = index + 1
    for index in sorted(
        set(range(len(objects))) - set((np.unique(numbers).astype(int) - 1).tolist())
    ):
        place = f"{image.file_name}, object {objects[index].annotation_id}"
        findings.note("objects without a pixel of their own, under smaller ones", place)
    return numbers


def _write_png(path: Path, numbers: np.ndarray) -> None:
    picture = Image.fromarray(numbers)
    picture.putpalette(voc_palette())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_bytes_atomic(path, buffer.getvalue())


def _xml(
    image: ImageRecord, objects: list[Instance], names: dict[int, str], simplify: float
) -> str:
    root = ElementTree.Element("annotation")
    _add(root, folder="JPEGImages", filename=Path(image.file_name).name)
    size = ElementTree.SubElement(root, "size")
    _add(size, width=image.width, height=image.height, depth=3)
    _add(root, segmented=1)
    for instance in objects:
        rle = instance.rle()
        element = ElementTree.SubElement(root, "object")
        name = names[instance.category_id]
        _add(element, name=name, pose="Unspecified", truncated=0, difficult=0)
        x1, y1, x2, y2 = rle_boxes([rle])[0].astype(int).tolist()
        box = ElementTree.SubElement(element, "bndbox")
        _add(box, xmin=x1 + 1, ymin=y1 + 1, xmax=x2, ymax=y2)  # pixels count from 1
        for outline in mask_polygons(decode_masks([rle])[0], "pixels", simplify):
            polygon = ElementTree.SubElement(element, "polygon")
            for number, (x, y) in enumerate(at_least_three(outline).astype(int).tolist(), start=1):
                _add(polygon, **{f"x{number}": x + 1, f"y{number}": y + 1})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(parent: ElementTree.Element, **texts: object) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)
