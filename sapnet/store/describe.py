"""Description of an image's proposals for the selection, before or after a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.crops import crop_masks
from sapnet.geometry.rle import decode_masks, encode_masks, rle_boxes
from sapnet.structures.clicks import RLE, Click
from sapnet.structures.proposals import GIVEN_MASK, Proposals, StoredObject

if TYPE_CHECKING:
    from sapnet.structures.corrections import Corrections

CLICKED_PIXEL = "clicked pixel"
"""Prompt name of the stand-in for an object for which only empty masks were proposed."""


def describe_objects(
    clicks: Sequence[Click], proposals: Sequence[Proposals], image_size: tuple[int, int]
) -> list[StoredObject]:
    """Join the clicks of one image with their proposals and describe each mask.

    Empty masks are dropped. An object that keeps none gets the clicked pixel as its only proposal,
    with score 0, so that every object can be trained on.

    Args:
        clicks: all N clicks of one image, original frame.
        proposals: N bags of proposals, same order.
        image_size: (height, width) of the image.

    Returns:
        N stored objects: `mask_crops` as `crop_masks` gives them, and `holds_rival`, True if the
        mask holds a point of another object of the same category in this image.
    """
    described = []
    for index, (click, bag) in enumerate(zip(clicks, proposals, strict=True)):
        kept = _drop_empty(bag, click, image_size)
        masks = decode_masks(kept.rles)
        rivals = rival_points(clicks, index)
        described.append(
            StoredObject(
                click=click,
                proposals=kept,
                mask_crops=crop_masks(masks, kept.boxes),
                holds_rival=masks_hold_points(masks, rivals),
            )
        )
    return described


def given_proposal(mask: RLE) -> Proposals:
    """Return the bag of an object whose mask is known: that mask is its only proposal."""
    return Proposals((mask,), rle_boxes([mask]), np.ones(1, np.float32), (GIVEN_MASK,))


def correct_objects(
    objects: Sequence[StoredObject], corrections: Corrections, image_size: tuple[int, int]
) -> list[StoredObject]:
    """Apply corrections to the objects of one image.

    A decided mask becomes the object's only proposal, with its new click where it got one; what was
    deleted is left out. Which masks hold a rival's point is found anew for the whole image.

    Args:
        objects: all objects of the image, as stored.
        corrections: of the data set.
        image_size: (height, width) of the image.

    Returns:
        The remaining objects, in their order; the same ones where nothing was corrected.
    """
    ids = {stored.click.annotation_id for stored in objects}
    if not ids & (corrections.fixed.keys() | corrections.deleted):
        return list(objects)
    kept = [stored for stored in objects if stored.click.annotation_id not in corrections.deleted]
    pairs = [_corrected(stored, corrections) for stored in kept]
    return describe_objects(
        [click for click, _ in pairs], [proposals for _, proposals in pairs], image_size
    )


def masks_hold_points(masks: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Test if each mask holds at least one of the points.

    Args:
        masks: (K, H, W) uint8 or bool.
        points: (R, 2) float (x, y); the pixel of a point is (floor(x), floor(y)). A point on the
            right or bottom edge belongs to the last pixel.

    Returns:
        (K,) bool; all False for R = 0.
    """
    height, width = masks.shape[1:]
    columns = np.clip(np.floor(points[:, 0]).astype(np.int64), 0, width - 1)
    rows = np.clip(np.floor(points[:, 1]).astype(np.int64), 0, height - 1)
    return np.asarray(masks[:, rows, columns].any(axis=1))


def rival_points(clicks: Sequence[Click], index: int) -> np.ndarray:
    """Collect all points (R, 2) of the other objects with the category of object `index`."""
    points = [
        point
        for other, click in enumerate(clicks)
        if other != index and click.category_id == clicks[index].category_id
        for point in click.points
    ]
    return np.asarray(points, np.float64).reshape(-1, 2)


def _drop_empty(bag: Proposals, click: Click, image_size: tuple[int, int]) -> Proposals:
    """Keep the proposals that have a pixel; without any, the clicked pixel alone."""
    keep = np.flatnonzero((bag.boxes[:, 2] > bag.boxes[:, 0]) & (bag.boxes[:, 3] > bag.boxes[:, 1]))
    if len(keep) == len(bag) > 0:
        return bag
    if len(keep) == 0:
        return _clicked_pixel(click, image_size)
    return Proposals(
        rles=tuple(bag.rles[k] for k in keep),
        boxes=bag.boxes[keep],
        scores=bag.scores[keep],
        prompts=tuple(bag.prompts[k] for k in keep),
    )


def _clicked_pixel(click: Click, image_size: tuple[int, int]) -> Proposals:
    height, width = image_size
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, min(int(click.point[1]), height - 1), min(int(click.point[0]), width - 1)] = 1
    rles = encode_masks(mask)
    return Proposals(rles, rle_boxes(rles), np.zeros(1, np.float32), (CLICKED_PIXEL,))


def _corrected(stored: StoredObject, corrections: Corrections) -> tuple[Click, Proposals]:
    correction = corrections.fixed.get(stored.click.annotation_id)
    if correction is None or correction.click.mask is None:
        return stored.click, stored.proposals
    click = replace(correction.click, category_id=stored.click.category_id)
    return click, given_proposal(correction.click.mask)
