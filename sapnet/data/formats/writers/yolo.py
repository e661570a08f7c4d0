"""Masks written as a YOLO segmentation data set, ready for ultralytics."""

from __future__ import annotations

from pathlib import Path

import yaml

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.coco_json import label_of_category
from sapnet.data.formats.writers.files import (
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.geometry.polygons import at_least_three, mask_polygon
from sapnet.geometry.rle import decode_masks
from sapnet.system.files import write_text_atomic

SPLIT = "train"

_IN_PIXEL = 0.25
"""Where in its pixel a corner is written. Ultralytics cuts a corner to a pixel number, supervision
rounds it to one: from 0 to 0.5 both find the pixel that is meant, and 0.25 bears most rounding."""

_DECIMALS = 7

_HEADER = """\
# Written by sapnet; paths count from this file. The validation set repeats the training set,
# because the format wants both and the labels say nothing of a split: put images and labels of your
# own there before trusting mAP.
"""


def write_yolo(instances: InstanceSet, folder: Path, options: ExportOptions) -> None:
    """Writes `data.yaml`, `labels/train` and, where they are at hand, `images/train`.

    A line is an object. The format has one outline per object: holes and parts are joined by
    seams, of which those between parts fill a line of pixels.

    Args:
        instances: the masks; none of them empty.
        folder: the data set's folder.
        options: images and `simplify`.

    Raises:
        FileNotFoundError: if an image is missing.
        ValueError: if two images would share one label file.
    """
    check_label_names(instances.images)
    label_of = label_of_category(instances.categories)
    grouped = instances.instances_by_image()
    for image in instances.images:
        lines = [
            _line(instance, label_of[instance.category_id], options.simplify)
            for instance in grouped[image.image_id]
        ]
        path = folder / "labels" / SPLIT / label_name(image, ".txt")
        write_text_atomic(path, "".join(f"{line}\n" for line in lines))
        place_image(image, options.images, folder / "images" / SPLIT)
    content = {
        "train": f"images/{SPLIT}",
        "val": f"images/{SPLIT}",
        "names": {label_of[c.category_id]: c.name for c in instances.categories},
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_text_atomic(folder / "data.yaml", _HEADER + text)


def _line(instance: Instance, label: int, simplify: float) -> str:
    corners = at_least_three(mask_polygon(decode_masks([instance.rle()])[0], "pixels", simplify))
    shares = (corners + _IN_PIXEL) / (instance.image.width, instance.image.height)
    return f"{label} " + " ".join(f"{share:.{_DECIMALS}f}" for share in shares.ravel())
