"""The masks of an image of a Pascal VOC data set, joined to the objects of its xml."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sapnet.data.formats.marks import Findings
from sapnet.data.formats.points import Box
from sapnet.data.formats.readers.voc.colors import (
    BACKGROUND,
    VOID,
    object_numbers,
    read_mask_image,
)
from sapnet.data.formats.readers.voc.labels import ClassLabels, most_frequent
from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.structures.clicks import RLE

_MIN_IOU = 0.5  # of the box of a mask and a box of the xml that are one object

SEGMENTATION_OBJECT, SEGMENTATION_CLASS = "SegmentationObject", "SegmentationClass"


@dataclass(frozen=True)
class VocMask:
    """A mask of `SegmentationObject`.

    Attributes:
        number: its number, from 1; from 256 on if its color is not one of the color map.
        rle: the mask.
        box: (4,) its tight xyxy box.
        label: its class in `SegmentationClass`, None if that is unknown.
    """

    number: int
    rle: RLE
    box: np.ndarray
    label: str | None


def read_masks(root: Path, name: Path, labels: ClassLabels, findings: Findings) -> list[VocMask]:
    """Read the masks of an image.

    Args:
        root: folder of the data set.
        name: name of the png below `SegmentationObject`.
        labels: names of the classes.
        findings: collects files that cannot be read.

    Returns:
        The masks by ascending number; none if there is no file.
    """
    path, class_path = (root / f / name for f in (SEGMENTATION_OBJECT, SEGMENTATION_CLASS))
    if not path.is_file():
        return []
    try:
        numbers = object_numbers(read_mask_image(path))
        classes = read_mask_image(class_path) if class_path.is_file() else None
    except ValueError as error:
        findings.skip("mask images that cannot be read", str(error))
        return []
    if classes is not None and (classes.height, classes.width) != numbers.shape:
        where = f"{class_path.name}: {classes.width} x {classes.height} px"
        findings.skip("class images of another size than their object image", where)
        classes = None
    values, names = (None, {}) if classes is None else labels.values_of(classes)
    found = []
    for number in np.unique(numbers).tolist():
        if number in (BACKGROUND, VOID):
            continue
        mask = numbers == number
        (rle,) = encode_masks(mask[None])
        label = None if values is None else most_frequent(values[mask], names)
        found.append(VocMask(number, rle, rle_boxes([rle])[0], label))
    return found


def join_to_objects(
    masks: Sequence[VocMask], boxes: Sequence[Box | None], names: Sequence[str]
) -> tuple[list[VocMask | None], list[VocMask], bool]:
    """Find the mask of each object of an xml.

    In VOC's own data, the mask of the k-th object has the number k. Other tools number masks
    otherwise; then class and place decide, which shows where a mask lies off the box of its number.

    Args:
        masks: the masks of the image.
        boxes: box of each object, None if it has none.
        names: class of each object.

    Returns:
        A mask or None per object; the masks without an object; True if the numbers did not fit.
    """
    by_number = {mask.number: mask for mask in masks}
    result = [by_number.get(number) for number in range(1, len(boxes) + 1)]
    fits = all(
        mask is None or _fits(mask, box, name)
        for mask, box, name in zip(result, boxes, names, strict=True)
    )
    if not fits:
        result = _by_place(masks, boxes, names)
    taken = {mask.number for mask in result if mask is not None}
    return result, [mask for mask in masks if mask.number not in taken], not fits


def _fits(mask: VocMask, box: Box | None, name: str) -> bool:
    if mask.label is not None and mask.label != name:
        return False
    return box is None or float(_overlap([mask], [box])[0, 0]) > 0


def _overlap(masks: Sequence[VocMask], boxes: Sequence[Box]) -> np.ndarray:
    """Return the IoU of the boxes of masks (K) and given boxes (N), (K, N)."""
    first = np.stack([mask.box for mask in masks]).astype(np.float64)[:, None]
    second = np.asarray(boxes, np.float64)[None]
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(
        first[..., :2], second[..., :2]
    )
    shared = sides.clip(0).prod(-1)
    areas = [(b[..., 2:] - b[..., :2]).clip(0).prod(-1) for b in (first, second)]
    overlap: np.ndarray = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    return overlap


def _by_place(
    masks: Sequence[VocMask], boxes: Sequence[Box | None], names: Sequence[str]
) -> list[VocMask | None]:
    """Give each object the mask of its class with the best overlap, the best pair first."""
    result: list[VocMask | None] = [None] * len(boxes)
    boxed = [(index, box) for index, box in enumerate(boxes) if box is not None]
    if not masks or not boxed:
        return result
    overlap = _overlap(masks, [box for _, box in boxed])
    for row, mask in enumerate(masks):
        for column, (index, _) in enumerate(boxed):
            if mask.label not in (None, names[index]):
                overlap[row, column] = 0
    while overlap.max() >= _MIN_IOU:
        best, at = (int(place) for place in np.unravel_index(overlap.argmax(), overlap.shape))
        result[boxed[at][0]] = masks[best]
        overlap[best], overlap[:, at] = 0, 0
    return result
