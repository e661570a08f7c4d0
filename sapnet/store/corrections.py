"""Corrections of a review applied to stored objects: decided masks leave no choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sapnet.store.describe import describe_objects, given_proposal

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click, ImageRecord
    from sapnet.structures.corrections import Corrections
    from sapnet.structures.proposals import Proposals, StoredObject


def correct_objects(
    objects: Sequence[StoredObject], corrections: Corrections, image_size: tuple[int, int]
) -> list[StoredObject]:
    """The objects of one image after review.

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


def check_correction(corrections: Corrections, annotation_id: int, image: ImageRecord) -> None:
    """Compares a decided mask with the image that the store holds its object on.

    Raises:
        ValueError: it is of another image, or of another size.
    """
    click = corrections.fixed[annotation_id].click
    size = None if click.mask is None else list(click.mask["size"])
    if click.image_id != image.image_id or size != [image.height, image.width]:
        raise ValueError(
            f"{corrections.source}, object {annotation_id}: expected a mask of image "
            f"{image.image_id}, {image.height} x {image.width} px high and wide, found one of "
            f"image {click.image_id} and size {size}. Name the store whose labels were reviewed."
        )


def _corrected(stored: StoredObject, corrections: Corrections) -> tuple[Click, Proposals]:
    correction = corrections.fixed.get(stored.click.annotation_id)
    if correction is None or correction.click.mask is None:
        return stored.click, stored.proposals
    return correction.click, given_proposal(correction.click.mask)
