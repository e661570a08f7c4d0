"""Writer of YOLO segmentation data sets, for ultralytics."""

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
"""Position of a written corner inside its pixel. Ultralytics truncates a corner to a pixel number,
and supervision rounds it. From 0 to 0.5 both give the intended pixel, and 0.25 is the most robust
to rounding of the written numbers."""

_DECIMALS = 7

_HEADER = """\
# Written by sapnet; paths count from this file. The validation set repeats the training set,
# because the format wants both and the labels say nothing of a split: put images and labels of your
# own there before trusting mAP.
"""


def write_yolo(instances: InstanceSet, folder: Path, options: ExportOptions) -> None:
    """Write `data.yaml`, `labels/train` and, if the images are available, `images/train`.

    Each line is an object. The format has one outline per object, so holes and parts are joined by
    seams; those between parts fill a line of pixels.

    Args:
        instances: the masks; none of them empty.
        folder: folder of the data set.
        options: `images` and `simplify` are used.

    Raises:
        FileNotFoundError: an image is missing.
        ValueError: two images would share one label file.
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
