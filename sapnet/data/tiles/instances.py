"""True instances of large images as instances of their windows."""

from __future__ import annotations

from collections.abc import Iterator

from sapnet.data.coco import Instance, InstanceSet
from sapnet.data.tiles.clicks import tile_image
from sapnet.data.tiles.grid import Parts
from sapnet.data.tiles.windows import window_of
from sapnet.geometry.rle import rle_areas, rle_boxes, rle_to_json
from sapnet.geometry.rle_windows import cut_rle
from sapnet.structures.clicks import ImageRecord

LEAST_VISIBLE = 0.25
"""Share of an object that a window must show for it to count there; less is a region to ignore."""


def tile_instances(truth: InstanceSet, parts: Parts) -> InstanceSet:
    """Return the instances of the windows of images.

    Args:
        truth: of whole images, upright.
        parts: windows and bands.

    Returns:
        Images as of `tile_clicks`. An object is in each window that shows a pixel of it, cut at the
        border, under an id of its own; where less than `LEAST_VISIBLE` of it is shown, as a crowd.

    Raises:
        ValueError: an image's id is negative or too large, or a segmentation is no mask.
    """
    if not parts:
        return truth
    grouped = truth.instances_by_image()
    images: list[ImageRecord] = []
    instances: list[Instance] = []
    for image in truth.images:
        windows = tile_image(image, parts)
        images += windows
        for instance in grouped[image.image_id]:
            instances += _in_windows(instance, windows, len(instances) + 1)
    return InstanceSet(tuple(images), truth.categories, tuple(instances), bands=truth.bands)


def _in_windows(
    instance: Instance, windows: list[ImageRecord], first_id: int
) -> Iterator[Instance]:
    rle = instance.rle()
    x1, y1, x2, y2 = rle_boxes([rle])[0].tolist()
    area, number = int(rle_areas([rle])[0]), first_id
    for record in windows:
        window = window_of(record)
        inside = x1 < window.x + window.width and y1 < window.y + window.height
        if not (inside and x2 > window.x and y2 > window.y):
            continue
        cut = cut_rle(rle, (window.x, window.y), (window.height, window.width))
        shown = int(rle_areas([cut])[0])
        if shown:
            yield Instance(
                annotation_id=number,
                image=record,
                category_id=instance.category_id,
                is_crowd=instance.is_crowd or shown < LEAST_VISIBLE * area,
                segmentation=rle_to_json(cut),
                source=instance.source,
                score=instance.score,
            )
            number += 1
