"""Comparison of corrections with the store that they are applied to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sapnet.data.matching.images import same_path
from sapnet.data.matching.objects import is_same_click

if TYPE_CHECKING:
    from sapnet.structures.clicks import ImageRecord
    from sapnet.structures.corrections import Corrections

_ADVICE = "Name the store whose labels were reviewed."


def check_correction(
    corrections: Corrections, annotation_id: int, image: ImageRecord, point: Sequence[float]
) -> None:
    """Compare a decided mask with its object in the store.

    Args:
        corrections: of a review.
        annotation_id: the object.
        image: its image in the store.
        point: (x, y) of its click in the store.

    Raises:
        ValueError: it is of another image, of another size, or of an object clicked elsewhere.
    """
    correction = corrections.fixed[annotation_id]
    click = correction.click
    size = None if click.mask is None else list(click.mask["size"])
    place = f"{corrections.source}, object {annotation_id}"
    listed = {i.image_id: i.file_name for i in corrections.images}.get(click.image_id)
    is_same = listed is None or same_path(listed, image.file_name)
    if click.image_id != image.image_id or not is_same or size != [image.height, image.width]:
        raise ValueError(
            f"{place}: expected a mask of image {image.image_id} ({image.file_name}), "
            f"{image.height} x {image.width} px high and wide, found one of image "
            f"{click.image_id} ({listed}) and size {size}. {_ADVICE}"
        )
    check_reviewed_click(corrections, annotation_id, image, point)
    if correction.action != "clicked" and not is_same_click(click.point, point):
        raise ValueError(
            f"{place}: expected the click ({point[0]:g}, {point[1]:g}) of the store, found "
            f"({click.point[0]:g}, {click.point[1]:g}). {_ADVICE}"
        )


def check_reviewed_click(
    corrections: Corrections, annotation_id: int, image: ImageRecord, point: Sequence[float]
) -> None:
    """Compare the click of a decided object as it was reviewed with that of the store.

    Args:
        corrections: of a review.
        annotation_id: the object.
        image: its image in the store.
        point: (x, y) of its click in the store.

    Raises:
        ValueError: they are clicks on different objects.
    """
    reviewed = corrections.reviewed.get(annotation_id)
    if reviewed is None:
        return
    if reviewed.image_id != image.image_id or not is_same_click(reviewed.point, point):
        raise ValueError(
            f"{corrections.source}, object {annotation_id}: it was decided for the click "
            f"({reviewed.point[0]:g}, {reviewed.point[1]:g}) on image {reviewed.image_id}, and the "
            f"store has ({point[0]:g}, {point[1]:g}) on image {image.image_id}. {_ADVICE}"
        )
