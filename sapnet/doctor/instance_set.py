"""Examination of a COCO instance file and its images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapnet.data.coco import Instance, InstanceSet, instances_of
from sapnet.data.coco_json import read_coco
from sapnet.data.matching.objects import NumberedObject, ObjectList
from sapnet.data.matching.truth import align_truth
from sapnet.data.problems import RecordError
from sapnet.doctor.click_set import check_listing, set_facts
from sapnet.doctor.finding import Examination, Finding, Severity, findings_from
from sapnet.doctor.image_files import ImageFile, Reading, examine_images
from sapnet.doctor.names import check_categories
from sapnet.doctor.points import check_frame, polygon_table
from sapnet.geometry.rle import rle_areas, rle_boxes, rle_iou
from sapnet.structures.clicks import RLE, ClickSet

AREA_SHARE, AREA_PIXELS = 0.2, 16.0
"""Tolerance of a given area, as a share plus pixels. COCO's area is that of the polygons, which for
thin objects differs from the number of pixels."""

BOX_SHARE, BOX_PIXELS = 0.05, 3.0
"""Tolerance of the sides of a given box, as a share of the box's longer side plus pixels."""

OVERHANG = 1.0
"""Pixels by which a polygon may exceed its image because of rounding."""

TINY_AREA = 16
"""Area below which a mask is reported: 4 x 4 pixels are one cell of the network's mask grid."""

TWIN_IOU = 0.9
"""IoU above which two masks of one category are taken for the same object."""


@dataclass(frozen=True)
class ExaminedInstances:
    """Results of the examination of an instance file.

    Attributes:
        examination: facts and findings.
        instances: the valid instances; None if the file cannot be read at all.
        files: the images; none without a folder of images.
    """

    examination: Examination
    instances: InstanceSet | None
    files: tuple[ImageFile, ...] = ()


def examine_instances(
    path: Path, images_dir: Path | None, reading: Reading | None = None
) -> ExaminedInstances:
    """Examine a COCO instance file and its images.

    Args:
        path: the instance file.
        images_dir: folder of its images; None skips them.
        reading: of the pixels of the images.
    """
    errors: list[RecordError] = []
    try:
        coco = read_coco(path, errors.append)
    except (OSError, ValueError) as error:
        finding = Finding("error", "unreadable file", str(error))
        return ExaminedInstances(Examination("instances", findings=(finding,)), None)
    instances = instances_of(coco, errors.append)
    files = () if images_dir is None else examine_images(coco.images, images_dir, reading)
    num_objects = Counter(instance.category_id for instance in instances.instances)
    findings = [
        *check_frame(polygon_table(coco)),
        *findings_from(errors),
        *check_masks(instances),
        *_check_crowds(instances.instances),
        *check_categories(coco.categories, num_objects),
        *check_listing(coco, files, "object"),
    ]
    facts = set_facts(coco, len(instances.instances), num_objects)
    return ExaminedInstances(Examination("instances", facts, tuple(findings)), instances, files)


def check_masks(instances: InstanceSet) -> Iterator[Finding]:
    """Check each mask, and find masks of an image that are nearly equal."""
    for members in instances.instances_by_image().values():
        masks: list[tuple[Instance, RLE]] = []
        for instance in members:
            try:
                rle = instance.rle()
            except RecordError as error:
                yield from findings_from([error])
                continue
            masks.append((instance, rle))
            yield from _check_mask(instance, rle)
        yield from _check_twins(masks)


def _check_mask(instance: Instance, rle: RLE) -> Iterator[Finding]:
    area = int(rle_areas([rle])[0])
    if area == 0:
        message = "the mask has no pixel: it counts as an object that cannot be found. Drop it."
        yield _finding(instance, "error", "empty mask", message)
        return
    if area < TINY_AREA:
        message = f"the mask has {area} pixels: too few to be learned, or found."
        yield _finding(instance, "note", "tiny mask", message)
    yield from _check_polygons(instance)
    given = instance.given_area
    if given is not None and abs(given - area) > AREA_SHARE * max(given, area) + AREA_PIXELS:
        message = f"'area' is {given:g}, the mask has {area} pixels. The size groups of the "
        message += "figures go by 'area': correct it."
        yield _finding(instance, "warning", "area and mask disagree", message)
    yield from _check_box(instance, rle_boxes([rle])[0])


def _check_polygons(instance: Instance) -> Iterator[Finding]:
    if not isinstance(instance.segmentation, list):
        return
    corners = np.concatenate([np.reshape(p, (-1, 2)) for p in instance.segmentation]).astype(float)
    sizes = (instance.image.width, instance.image.height)
    overhang = max(float(-corners.min()), float((corners - sizes).max()))
    if overhang > OVERHANG:
        message = f"a polygon leaves the image of {sizes[0]} x {sizes[1]} px by {overhang:.1f} px; "
        message += "what is outside is cut off. Check the size of the image."
        yield _finding(instance, "warning", "polygon outside its image", message)


def _check_box(instance: Instance, tight: np.ndarray) -> Iterator[Finding]:
    if instance.given_box is None:
        return
    box = np.array(instance.given_box)
    allowed = BOX_SHARE * float((tight[2:] - tight[:2]).max()) + BOX_PIXELS
    if float(np.abs(box - tight).max()) <= allowed:
        return
    x1, y1, x2, y2 = tight.tolist()
    corners = np.concatenate([box[:2], box[2:] - box[:2]])  # the four numbers of the file
    is_xyxy = float(np.abs(corners - tight).max()) <= allowed
    advice = (
        "It looks like [x1, y1, x2, y2]: write [x, y, width, height]."
        if is_xyxy
        else ("Correct it.")
    )
    message = f"'bbox' is {_words(corners)}, the mask's is {_words([x1, y1, x2 - x1, y2 - y1])}. "
    yield _finding(instance, "warning", "box and mask disagree", message + advice)


def _check_twins(masks: Sequence[tuple[Instance, RLE]]) -> Iterator[Finding]:
    groups: dict[int, list[tuple[Instance, RLE]]] = defaultdict(list)
    for instance, rle in masks:
        groups[instance.category_id].append((instance, rle))
    for members in groups.values():
        rles = [rle for _, rle in members]
        for first, second in np.argwhere(np.triu(rle_iou(rles, rles), 1) > TWIN_IOU):
            message = f"its mask is nearly that of object {members[first][0].annotation_id} of the "
            message += "same category. Drop one of them."
            yield _finding(members[second][0], "warning", "object there twice?", message)


def _check_crowds(instances: Sequence[Instance]) -> Iterator[Finding]:
    crowds = [instance for instance in instances if instance.is_crowd]
    if instances and len(crowds) == len(instances):
        message = "all objects have 'iscrowd': 1 and hence give no clicks and no training masks. "
        message += "Some tools write it for every mask in run lengths: set it to 0."
        yield Finding("error", "nothing but crowds", message)
        return
    for instance in crowds:
        message = "'iscrowd' is 1: it gives no click and no training mask, and predictions inside "
        message += "it count neither way."
        yield _finding(instance, "note", "crowd", message)


def _finding(instance: Instance, severity: Severity, kind: str, message: str) -> Finding:
    image = instance.image
    return Finding(
        severity,
        kind,
        message,
        place=f"object {instance.annotation_id} (image {image.image_id}, {image.file_name})",
        image_id=image.image_id,
        annotation_id=instance.annotation_id,
    )


def _words(values: Sequence[float] | np.ndarray) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"


def check_agreement(clicks: ClickSet, truth: InstanceSet) -> Iterator[Finding]:
    """Find out if clicks and ground truth number images, categories and objects alike.

    Args:
        clicks: the clicks.
        truth: the ground truth that figures will be computed with.
    """
    listed = ObjectList(
        "the clicks",
        clicks.images,
        clicks.categories,
        tuple(
            NumberedObject(click.annotation_id, click.image_id, click.category_id, click.point)
            for click in clicks.clicks
        ),
    )
    try:
        notes = align_truth(truth, listed, "the truth").notes
    except ValueError as error:
        yield Finding("warning", "truth of other objects", str(error))
        return
    for note in notes:
        yield Finding("note", "numbered differently", f"{note}.")
