"""Conversion of annotations of a clicks file to clicks, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sapnet.data.coco_json import CocoFile, Record, is_number, numbers
from sapnet.data.coverage.ignored import IGNORING, box_outline, is_ignored
from sapnet.data.problems import Report, attempt
from sapnet.geometry.rle import rle_areas, rle_boxes, rle_to_json, to_rle
from sapnet.structures.clicks import RLE, Click, Coverage, ImageRecord
from sapnet.system.outside import shown

Point = tuple[float, float]

TRUTH_KEY = "true_bbox"
"""Key of P2BNet's and SAPNet's files: beside it, `bbox` is made up around the click or missing, and
`segmentation` is the ground truth. Neither may reach a training from clicks."""


def read_click(coco: CocoFile, annotation: Record, report: Report) -> Click | None:
    """Return the click of an annotation; None if its point breaks a rule."""
    image = coco.image_of_id[annotation["image_id"]]
    point = attempt(report, _required_point, coco, annotation, image)
    negative_points = attempt(report, _negative_points, coco, annotation, image)
    box = box_score = mask = None
    if TRUTH_KEY not in annotation:
        box = attempt(report, _box, coco, annotation, image)
        box_score = None if box is None else attempt(report, _box_score, coco, annotation)
        mask = attempt(report, _mask, coco, annotation, image)
    if point is None:
        return None
    return Click(
        annotation_id=annotation["id"],
        image_id=image.image_id,
        category_id=annotation["category_id"],
        points=(point,),
        negative_points=negative_points or (),
        box=box,
        mask=mask,
        box_score=box_score,
    )


def read_region(coco: CocoFile, annotation: Record) -> tuple[int, int, RLE] | None:
    """Return an ignored region: image id, category id and mask; None for another annotation.

    A region has no point. One without a `segmentation` is its `bbox`.

    Raises:
        RecordError: the region has no pixel in its image, or neither mask nor box.
    """
    if not is_region(annotation) or not is_ignored(coco, annotation):
        return None
    image = coco.image_of_id[annotation["image_id"]]
    segmentation = annotation.get("segmentation")
    if not segmentation and annotation.get("bbox") is not None:
        segmentation = box_outline(numbers(coco, annotation, "bbox", 4))
    if not segmentation:
        raise coco.problem(
            annotation,
            "expected 'segmentation' or 'bbox' of a region to ignore, found neither. Add one, or "
            "drop it.",
            "region without a place",
        )
    mask = _mask_of(coco, annotation, segmentation, image)
    return image.image_id, annotation["category_id"], mask


def is_region(annotation: Record) -> bool:
    """Return True if an annotation of a clicks file wants to be a region to ignore."""
    return "point" not in annotation and any(annotation.get(key) for key in IGNORING)


def _required_point(coco: CocoFile, annotation: Record, image: ImageRecord) -> Point:
    if "point" not in annotation:
        raise coco.problem(
            annotation,
            "expected the key 'point': [x, y], found none. If this file holds masks, sample "
            "clicks from it with `sapnet points`.",
            "no point",
        )
    return _point(coco, annotation, annotation["point"], image)


def _mask(coco: CocoFile, annotation: Record, image: ImageRecord) -> RLE | None:
    segmentation = annotation.get("segmentation")
    if not segmentation:  # many tools write an empty list if there is no mask
        return None
    if annotation.get("iscrowd"):
        raise coco.problem(
            annotation,
            f"expected the mask of one object, found iscrowd = {shown(annotation['iscrowd'])}, "
            "which marks a region of many. If it shows one object (CVAT writes 1 for brushed "
            "masks), write 0; else drop its 'segmentation'.",
            "mask of a crowd",
        )
    return _mask_of(coco, annotation, segmentation, image)


def _mask_of(coco: CocoFile, annotation: Record, segmentation: object, image: ImageRecord) -> RLE:
    """Convert a segmentation to a mask with some pixels in its image."""
    try:
        rle = to_rle(segmentation, image.height, image.width)
        is_empty = not rle_areas([rle])[0]
    except (ValueError, TypeError) as error:
        raise coco.problem(
            annotation,
            f"{error}. Export the object again, or drop its 'segmentation'.",
            "not a mask of its image",
        ) from error
    if is_empty:
        raise coco.problem(
            annotation,
            f"expected a mask with some pixels inside {image.file_name} ({image.width} x "
            f"{image.height} px), found none. Export the object again, or drop its 'segmentation'.",
            "empty mask",
        )
    return rle


def _negative_points(coco: CocoFile, annotation: Record, image: ImageRecord) -> tuple[Point, ...]:
    points = annotation.get("negative_points") or []
    if not isinstance(points, list):
        raise coco.problem(
            annotation,
            f"expected 'negative_points' as [[x, y], ...], found {shown(points)}. Correct it.",
        )
    return tuple(_point(coco, annotation, point, image) for point in points)


def _box(
    coco: CocoFile, annotation: Record, image: ImageRecord
) -> tuple[float, float, float, float] | None:
    if annotation.get("bbox") is None:
        return None
    x, y, width, height = numbers(coco, annotation, "bbox", 4)
    return _clipped_box(coco, annotation, (x, y, x + width, y + height), image)


def _box_score(coco: CocoFile, annotation: Record) -> float | None:
    """Return the confidence of an estimated box; None if the box is known."""
    score = annotation.get("bbox_score")
    if score is None:
        return None
    if not (is_number(score) and 0 <= float(score) <= 1):
        raise coco.problem(
            annotation,
            f"expected 'bbox_score' as a number in [0, 1], found {shown(score)}. Run "
            "`sapnet enhance` again, or drop the key where the box is known.",
        )
    return float(score)


def _point(coco: CocoFile, annotation: Record, value: object, image: ImageRecord) -> Point:
    if not (isinstance(value, list) and len(value) == 2 and all(map(is_number, value))):
        raise coco.problem(
            annotation,
            f"expected a point as two finite numbers [x, y], found {shown(value)}. "
            "Export the clicks of this image again, or drop the object.",
        )
    x, y = float(value[0]), float(value[1])
    for name, coordinate, side, size in (
        ("x", x, "wide", image.width),
        ("y", y, "high", image.height),
    ):
        if not 0 <= coordinate < size:
            raise coco.problem(
                annotation,
                f"{name} = {coordinate}, but {image.file_name} is {size} px {side} "
                f"(0 <= {name} < {size}). Export the clicks of this image again, or drop the "
                "object.",
                "point outside its image",
            )
    return x, y


def _clipped_box(
    coco: CocoFile,
    annotation: Record,
    box: tuple[float, float, float, float],
    image: ImageRecord,
) -> tuple[float, float, float, float]:
    """Clip a box to its image, because annotated boxes often exceed the border slightly."""
    x1, x2 = max(box[0], 0.0), min(box[2], float(image.width))
    y1, y2 = max(box[1], 0.0), min(box[3], float(image.height))
    if x2 <= x1 or y2 <= y1:
        raise coco.problem(
            annotation,
            f"expected 'bbox' as [x, y, width, height] with some area inside {image.file_name} "
            f"({image.width} x {image.height} px), found {annotation['bbox']}. Correct or drop it.",
            "box outside its image",
        )
    return x1, y1, x2, y2


def object_key(coco: CocoFile, annotation: Record) -> object:
    """Return a key that all annotations of one object share."""
    object_id = annotation.get("object_id")
    if object_id is None:
        return ("annotation", annotation["id"])
    if isinstance(object_id, bool) or not isinstance(object_id, int | str):
        raise coco.problem(
            annotation,
            f"expected 'object_id' as an integer or a string, found "
            f"{shown(object_id)}. Correct it.",
        )
    return (annotation["image_id"], object_id)


def merge_clicks(coco: CocoFile, annotation: Record, first: Click, further: Click) -> Click:
    """Merge a further annotation of an object into its click.

    Raises:
        RecordError: the two have different categories.
    """
    if further.category_id != first.category_id:
        raise coco.problem(
            annotation,
            f"expected the category {first.category_id} of object {first.annotation_id}, with "
            f"which it shares the object_id {shown(annotation['object_id'])}, found "
            f"{further.category_id}. Give them one category, or two object ids.",
            "object of two categories",
        )
    # A known box is preferred over an estimate, else the first one is taken.
    boxed = first if first.known_box or (not further.known_box and first.box) else further
    return replace(
        first,
        points=first.points + further.points,
        negative_points=first.negative_points + further.negative_points,
        box=boxed.box,
        box_score=boxed.box_score,
        mask=first.mask or further.mask,
    )


def click_annotations(click: Click, extra_ids: Iterable[int]) -> list[Record]:
    """Return the annotations of one object: one per point, joined by an object id if several.

    Args:
        click: the object.
        extra_ids: an unused annotation id for each point after the first.

    Returns:
        The object's own annotation, then one for each further point.
    """
    first: Record = {
        "id": click.annotation_id,
        "image_id": click.image_id,
        "category_id": click.category_id,
        "point": list(click.point),
    }
    if click.negative_points:
        first["negative_points"] = [list(point) for point in click.negative_points]
    if click.box is not None:
        x1, y1, x2, y2 = click.box
        first["bbox"] = [x1, y1, x2 - x1, y2 - y1]
    if click.box_score is not None:
        first["bbox_score"] = click.box_score
    if click.mask is not None:
        first["segmentation"] = rle_to_json(click.mask)
    if len(click.points) == 1:
        return [first]
    first["object_id"] = click.annotation_id
    shared = {key: first[key] for key in ("image_id", "category_id", "object_id")}
    further = zip(extra_ids, click.points[1:], strict=True)
    return [first, *({"id": extra_id, **shared, "point": list(p)} for extra_id, p in further)]


def region_records(coverage: Mapping[int, Coverage], first_id: int) -> list[Record]:
    """Return an annotation with `iscrowd: 1` for each ignored region.

    Args:
        coverage: by image id.
        first_id: an id from which on all are free.
    """
    found = [(image_id, region) for image_id, c in coverage.items() for region in c.ignored]
    masks = [region.mask for _, region in found]
    boxes = rle_boxes(masks).tolist()
    areas = rle_areas(masks).tolist()
    return [
        {
            "id": first_id + place,
            "image_id": image_id,
            "category_id": region.category_id,
            "segmentation": rle_to_json(region.mask),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": int(area),
            "iscrowd": 1,
        }
        for place, ((image_id, region), (x1, y1, x2, y2), area) in enumerate(
            zip(found, boxes, areas, strict=True)
        )
    ]
