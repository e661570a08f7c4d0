"""A store with the corrections of a review, which are of whole images."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sapnet.data.tiles.clicks import click_in_window
from sapnet.data.tiles.windows import MOST_WINDOWS, is_copy, owner_of, whole_images
from sapnet.geometry.rle import rle_areas
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import Click, ImageRecord
from sapnet.structures.corrections import Correction, Corrections

if TYPE_CHECKING:
    from sapnet.system.locations import Location

logger = logging.getLogger(__name__)


def open_corrected(path: Location, corrections: Corrections | None) -> ProposalStore:
    """Open a store with corrections; of a store of windows, they are cut into windows, too.

    Args:
        path: the folder, or its URL.
        corrections: of a review; None for none.

    Raises:
        StoreError: no store there, a damaged one, or one of a newer format.
        ValueError: a correction is of an object or image that the store does not hold.
    """
    store = ProposalStore(path)
    if corrections is None:
        return store
    if store.parts:
        corrections = tile_corrections(corrections, store.images, store.numbered_objects())
    return ProposalStore(store.path, corrections)


def tile_corrections(
    corrections: Corrections,
    windows: Sequence[ImageRecord],
    objects: Iterable[tuple[int, int, int, tuple[float, float]]],
) -> Corrections:
    """Return corrections for the objects of windows, copies of clicks included.

    Args:
        corrections: of whole images; their masks are cut at the windows.
        windows: all windows of `tile_clicks`.
        objects: annotation id, image id, category id and click (x, y) in the window of all objects.

    Returns:
        The corrections. Objects that no window has are left as they are, for the store's check.
        Where a window is not reached by the decided mask, the object is deleted; if its click
        belongs to this window, a line says so.

    Raises:
        ValueError: an image has another name or size than in the store.
    """
    known = {image.image_id: image for image in whole_images(windows)}
    for image in corrections.images:
        if image.image_id in known and known[image.image_id] != image:
            raise ValueError(
                f"{corrections.source}: expected image {image.image_id} as "
                f"{known[image.image_id].file_name}, {known[image.image_id].width} x "
                f"{known[image.image_id].height} px, found {image.file_name}, {image.width} x "
                f"{image.height} px. Name the store whose labels were reviewed."
            )
    of_id = {image.image_id: image for image in windows}
    fixed = dict(corrections.fixed)
    deleted = set(corrections.deleted)
    for key, window_id, _, point in objects:
        owner = owner_of(key)
        if owner in corrections.deleted:
            deleted.add(key)
        correction = corrections.fixed.get(owner)
        if correction is None or correction.click.image_id != window_id // MOST_WINDOWS:
            continue
        click = _in_window(correction.click, of_id[window_id], key, point)
        if click is not None:
            fixed[key] = Correction(click, correction.action)
            continue
        deleted.add(key)
        if not is_copy(key):
            del fixed[key]
            logger.warning(
                "%s, object %d: its mask was decided outside of the window of its click (%s), "
                "where it counts as no object. Move the click there, and propose again.",
                corrections.source,
                key,
                of_id[window_id].file_name,
            )
    whole = {key: c.click.mask for key, c in corrections.fixed.items() if c.click.mask}
    images = (*windows, *corrections.images)
    # Clicks as they were reviewed are of whole images: those of windows are not compared with them.
    return replace(
        corrections,
        images=images,
        fixed=fixed,
        deleted=frozenset(deleted),
        reviewed={},
        whole=whole,
    )


def _in_window(
    click: Click, window: ImageRecord, annotation_id: int, point: tuple[float, float]
) -> Click | None:
    """Return a decided click in a window; None if its mask does not reach the window."""
    moved = click_in_window(click, window, annotation_id, otherwise=point)
    return None if moved.mask is None or not rle_areas([moved.mask])[0] else moved
