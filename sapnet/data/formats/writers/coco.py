"""Writers of COCO instance json: a file of run lengths or polygons, Roboflow's folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.coco_json import frame_records
from sapnet.data.formats.writers.files import ExportOptions, place_image
from sapnet.data.formats.writers.split import Parts
from sapnet.geometry.polygons import mask_polygons
from sapnet.geometry.rle import decode_masks, rle_areas, rle_boxes, rle_to_json
from sapnet.structures.clicks import Coverage
from sapnet.structures.split import TEST, TRAIN, VAL
from sapnet.system.files import write_json_atomic

ROBOFLOW_FILE = "_annotations.coco.json"

ROBOFLOW_FOLDERS = {TRAIN: "train", VAL: "valid", TEST: "test"}
"""Roboflow's and RF-DETR's folder of each part."""


def write_roboflow(parts: Parts, folder: Path, options: ExportOptions) -> None:
    """Write a folder per part with `_annotations.coco.json` and, if available, the images.

    RF-DETR trains from such a folder, and Roboflow exports and uploads it.

    Args:
        parts: the masks of each part; none of them empty.
        folder: folder of the data set.
        options: images.

    Raises:
        FileNotFoundError: an image is missing.
    """
    for part, inside in parts.items():
        place = folder / ROBOFLOW_FOLDERS[part]
        write_coco(inside, place / ROBOFLOW_FILE, options, polygons=False)
        for image in inside.images:
            place_image(image, options, place)


def write_coco(
    instances: InstanceSet, path: Path, options: ExportOptions, *, polygons: bool
) -> None:
    """Write COCO instance json.

    Args:
        instances: the masks; none of them empty.
        path: the json file.
        options: `simplify` is used for polygons.
        polygons: True to write polygons just inside the pixel edges, with seams to the holes,
            instead of run lengths.
    """
    partial = {image_id: Coverage(ids) for image_id, ids in instances.partial.items()}
    content = {
        **frame_records(instances.images, instances.categories, partial),
        "annotations": [
            _annotation(instance, options.simplify if polygons else None)
            for instance in instances.instances
        ],
    }
    write_json_atomic(path, content, indent=None)


def _annotation(instance: Instance, simplify: float | None) -> dict[str, Any]:
    rle = instance.rle()
    x1, y1, x2, y2 = rle_boxes([rle])[0].tolist()
    segmentation: Any = rle_to_json(rle)
    if simplify is not None:
        outlines = mask_polygons(decode_masks([rle])[0], "inside", simplify)
        segmentation = [outline.ravel().tolist() for outline in outlines]
    record = {
        "id": instance.annotation_id,
        "image_id": instance.image_id,
        "category_id": instance.category_id,
        "segmentation": segmentation,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": int(rle_areas([rle])[0]),
        "iscrowd": int(instance.is_crowd),
    }
    if instance.score is not None:
        record["score"] = instance.score
    return record if instance.origin is None else {**record, "origin": dict(instance.origin)}
