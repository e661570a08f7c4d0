"""Comparison of the objects of clicks with those of a ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sapnet.data.matching.objects import NumberedObject, ObjectList
from sapnet.data.matching.truth import align_truth
from sapnet.doctor.finding import Finding

if TYPE_CHECKING:
    from sapnet.data.coco import InstanceSet
    from sapnet.structures.clicks import ClickSet


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
