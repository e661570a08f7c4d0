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
from sapnet.data.formats.readers.voc.colors import color_map
from sapnet.data.formats.readers.voc.labels import LABELMAP, LABELS
from sapnet.data.formats.writers.files import (
    HIDDEN,
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.data.formats.writers.split import Parts
from sapnet.geometry.placing import number_masks
from sapnet.geometry.polygons import at_least_three, mask_polygons
from sapnet.geometry.rle import decode_masks, rle_boxes
from sapnet.structures.clicks import Category, ImageRecord
from sapnet.system.files import write_bytes_atomic, write_text_atomic

BACKGROUND = "background"
"""Name of the first class, of pixels without an object."""

MAX_OBJECTS = 254
"""Largest number of objects of an image: of 256 palette indices, 0 is background and 255 border."""

_LISTS = ("ImageSets/Segmentation", "ImageSets/Main")
"""Lists of the images; torchvision and Datumaro find masks by the first, boxes by the second."""


def write_voc(
    instances: InstanceSet, parts: Parts, folder: Path, options: ExportOptions, findings: Findings
) -> None:
    """Write a Pascal VOC data set.

    It consists of `Annotations`, `SegmentationObject`, `SegmentationClass`, `ImageSets`,
    `labels.txt` and `labelmap.txt`.

    Each pixel belongs to one object: if masks overlap, the smaller one is on top. The xml also
    contains the outlines of each object's parts as `polygon`, which supervision reads.

    Args:
        instances: the masks of all parts; none of them empty.
        parts: the images of each list.
        folder: folder of the data set.
        options: `simplify` is used for the polygons of the xml.
        findings: collects objects beyond `MAX_OBJECTS` of an image, and hidden ones.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one label file, there are over 254 categories, or
            `labelmap.txt` cannot hold a name.
    """
    check_label_names(instances.images)
    _check_names(instances.categories)
    if len(instances.categories) > MAX_OBJECTS:
        raise ValueError(
            f"Pascal VOC pngs hold {MAX_OBJECTS} categories, found {len(instances.categories)}. "
            "Export to COCO instead."
        )
    grouped = instances.instances_by_image()
    _note_other_endings(instances.images, options, findings)
    label_of = label_of_category(instances.categories)
    names = {category.category_id: category.name for category in instances.categories}
    for image in instances.images:
        regions = [one for one in grouped[image.image_id] if one.is_crowd]
        objects = [one for one in grouped[image.image_id] if not one.is_crowd]
        for region in regions:
            place = f"{image.file_name}, object {region.annotation_id}"
            findings.note("regions to ignore, written as boxes that are difficult", place)
        for lost in objects[MAX_OBJECTS:]:
            what = f"objects beyond the {MAX_OBJECTS} that a png holds"
            findings.skip(what, f"{image.file_name}, object {lost.annotation_id}")
        objects = objects[:MAX_OBJECTS]
        numbers, hidden = number_masks([o.rle() for o in objects], (image.height, image.width))
        numbers = numbers.astype(np.uint8)
        for index in hidden:
            findings.note(HIDDEN, f"{image.file_name}, object {objects[index].annotation_id}")
        labels = np.array([0, *(label_of[o.category_id] + 1 for o in objects)], np.uint8)
        _write_png(folder / "SegmentationObject" / label_name(image, ".png"), numbers)
        _write_png(folder / "SegmentationClass" / label_name(image, ".png"), labels[numbers])
        xml = _xml(image, [*objects, *regions], names, options.simplify)
        write_text_atomic(folder / "Annotations" / label_name(image, ".xml"), xml)
        place_image(image, options, folder / "JPEGImages")
    for part, inside in parts.items():
        stems = "".join(f"{label_name(image, '')}\n" for image in inside.images)
        for lists in _LISTS:
            write_text_atomic(folder / lists / f"{part}.txt", stems)
    ordered = sorted(instances.categories, key=lambda category: category.category_id)
    _write_labels(folder, [BACKGROUND, *(c.name for c in ordered)])


def _check_names(categories: tuple[Category, ...]) -> None:
    """Check that the lines of `labelmap.txt` can hold the names."""
    for category in categories:
        if ":" in category.name or category.name.startswith("#") or category.name == BACKGROUND:
            raise ValueError(
                f"category {category.category_id}: Pascal VOC's {LABELMAP} allows no ':' in a "
                f"name, no '#' at its beginning, and {BACKGROUND!r} only for what is no object; "
                f"found {category.name!r}. Rename it, or export to COCO."
            )


def _note_other_endings(
    images: tuple[ImageRecord, ...], options: ExportOptions, findings: Findings
) -> None:
    if options.places_images:
        for image in images:
            if not image.file_name.endswith(".jpg"):
                what = "images not named .jpg, which torchvision's reader does not find"
                findings.note(what, image.file_name)


def _write_labels(folder: Path, names: list[str]) -> None:
    """Write the names of the classes: with their colors, for CVAT and Datumaro, and alone."""
    write_text_atomic(folder / LABELS, "".join(f"{name}\n" for name in names))
    colors = color_map().tolist()
    lines = [
        f"{name}:{red},{green},{blue}::\n"
        for name, (red, green, blue) in zip(names, colors, strict=False)
    ]
    header = "# label:color_rgb:parts:actions\n"
    write_text_atomic(folder / LABELMAP, header + "".join(lines))


def _write_png(path: Path, numbers: np.ndarray) -> None:
    picture = Image.fromarray(numbers)
    picture.putpalette(color_map().ravel().tolist())
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
        _add(element, name=name, pose="Unspecified", truncated=0, difficult=int(instance.is_crowd))
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
