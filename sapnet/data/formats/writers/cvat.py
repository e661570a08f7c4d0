"""Writer of "CVAT for images 1.1": one xml with the masks as run lengths."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from sapnet.data.coco import Instance
from sapnet.data.formats.writers.files import ExportOptions, place_image
from sapnet.data.formats.writers.split import Parts
from sapnet.geometry.rle import decode_masks, rle_boxes
from sapnet.structures.clicks import ImageRecord
from sapnet.structures.split import TRAIN
from sapnet.system.files import write_text_atomic

ANNOTATIONS, IMAGES = "annotations.xml", "images"


def write_cvat(parts: Parts, folder: Path, options: ExportOptions) -> None:
    """Write `annotations.xml` and, if the images are available, `images`.

    With a split it is the export of a project: each part is a subset, whose images are in a folder
    of its name.

    Args:
        parts: the masks of each part; none of them empty.
        folder: folder of the files.
        options: images.

    Raises:
        FileNotFoundError: an image is missing.
    """
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    meta = ElementTree.SubElement(root, "meta")
    owner = ElementTree.SubElement(meta, "task" if options.split is None else "project")
    labels = ElementTree.SubElement(owner, "labels")
    categories = parts[TRAIN].categories
    for category in categories:
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = category.name
        ElementTree.SubElement(label, "type").text = "mask"
        ElementTree.SubElement(label, "attributes")
    names = {category.category_id: category.name for category in categories}
    number = 0
    for part, inside in parts.items():
        subset = "" if options.split is None else part
        grouped = inside.instances_by_image()
        for image in inside.images:
            element = _image(root, image, number, subset)
            for instance in grouped[image.image_id]:
                _mask(element, instance, names[instance.category_id])
            place_image(image, options, folder / IMAGES / subset)
            number += 1
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    header = '<?xml version="1.0" encoding="utf-8"?>\n'
    write_text_atomic(folder / ANNOTATIONS, f"{header}{text}\n")


def _image(
    root: ElementTree.Element, image: ImageRecord, number: int, subset: str
) -> ElementTree.Element:
    values = {"id": str(number), "name": image.file_name}
    if subset:
        values["subset"] = subset
    values |= {"width": str(image.width), "height": str(image.height)}
    return ElementTree.SubElement(root, "image", values)


def _mask(parent: ElementTree.Element, instance: Instance, name: str) -> None:
    """Add a mask: run lengths row by row inside its box, background first."""
    rle = instance.rle()
    x1, y1, x2, y2 = rle_boxes([rle])[0].astype(int).tolist()
    flat = decode_masks([rle])[0][y1:y2, x1:x2].ravel().astype(np.int8)
    changes = np.flatnonzero(np.diff(flat, prepend=np.int8(0)))
    lengths = np.diff(changes, prepend=0, append=len(flat)).tolist()
    values = {
        "label": name,
        "source": "auto",
        "occluded": "0",
        "rle": ", ".join(map(str, lengths)),
        "left": str(x1),
        "top": str(y1),
        "width": str(x2 - x1),
        "height": str(y2 - y1),
        "z_order": "0",
    }
    ElementTree.SubElement(parent, "mask", values)
