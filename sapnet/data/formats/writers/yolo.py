"""Writer of YOLO segmentation data sets, for ultralytics."""

from __future__ import annotations

from pathlib import Path

import yaml

from sapnet.data.coco import Instance
from sapnet.data.coco_json import label_of_category
from sapnet.data.formats.writers.files import (
    ExportOptions,
    check_label_names,
    label_name,
    place_image,
)
from sapnet.data.formats.writers.split import Parts
from sapnet.geometry.polygons import at_least_three, mask_polygon
from sapnet.geometry.rle import decode_masks
from sapnet.structures.split import TEST, TRAIN, VAL
from sapnet.system.files import write_text_atomic

_IN_PIXEL = 0.25
"""Position of a written corner inside its pixel. Ultralytics truncates a corner to a pixel number,
and supervision rounds it. From 0 to 0.5 both give the intended pixel, and 0.25 is the most robust
to rounding of the written numbers."""

_DECIMALS = 7

_HEADER = "# Written by sapnet; paths count from this file.\n"

_WITHOUT_VAL = """\
# The validation set repeats the training set, because the format wants both and no split with a
# share of val was asked for: do not trust mAP.
"""


def write_yolo(parts: Parts, folder: Path, options: ExportOptions) -> None:
    """Write `data.yaml`, and `labels/train` and `images/train` or the same of further parts.

    Each line is an object. The format has one outline per object, so holes and parts are joined by
    seams; those between parts fill a line of pixels.

    Args:
        parts: the masks of each part; none of them empty.
        folder: folder of the data set.
        options: images and `simplify`.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one label file.
    """
    check_label_names(image for inside in parts.values() for image in inside.images)
    categories = parts[TRAIN].categories
    label_of = label_of_category(categories)
    for part, inside in parts.items():
        grouped = inside.instances_by_image()
        for image in inside.images:
            lines = [
                _line(instance, label_of[instance.category_id], options.simplify)
                for instance in grouped[image.image_id]
            ]
            path = folder / "labels" / part / label_name(image, ".txt")
            write_text_atomic(path, "".join(f"{line}\n" for line in lines))
            place_image(image, options, folder / "images" / part)
    content: dict[str, object] = {
        "train": f"images/{TRAIN}",
        "val": f"images/{VAL if VAL in parts else TRAIN}",
    }
    if TEST in parts:
        content["test"] = f"images/{TEST}"
    content["names"] = {label_of[c.category_id]: c.name for c in categories}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    header = _HEADER if VAL in parts else _HEADER + _WITHOUT_VAL
    write_text_atomic(folder / "data.yaml", header + text)


def _line(instance: Instance, label: int, simplify: float) -> str:
    corners = at_least_three(mask_polygon(decode_masks([instance.rle()])[0], "pixels", simplify))
    shares = (corners + _IN_PIXEL) / (instance.image.width, instance.image.height)
    return f"{label} " + " ".join(f"{share:.{_DECIMALS}f}" for share in shares.ravel())
