"""Size of the clicked objects, as far as the clicks tell it."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from sapnet.geometry.rle import rle_areas

if TYPE_CHECKING:
    from sapnet.structures.clicks import Click, ClickSet


def median_share(clicks: ClickSet) -> float:
    """Return the median side of the objects as a share of the short side of their image.

    The side of an object is the root of the area of its mask or its box where one is known. Else
    it is the distance to the nearest other click of the image, which is about the side of objects
    that touch and an upper bound for others; an object alone may fill its image.

    Args:
        clicks: the clicks, at least one.

    Returns:
        A share in (0, 1].
    """
    images = {image.image_id: image for image in clicks.images}
    grouped: dict[int, list[Click]] = defaultdict(list)
    for click in clicks.clicks:
        grouped[click.image_id].append(click)
    shares: list[float] = []
    for image_id, found in grouped.items():
        short = min(images[image_id].width, images[image_id].height)
        distances = _distances(found)
        for click, distance in zip(found, distances, strict=True):
            known = _known_side(click)
            shares.append(min((distance if known is None else known) / short, 1.0))
    return float(np.median(shares))


def _distances(clicks: list[Click]) -> list[float]:
    """Return the distance of each click to the nearest other one; without another, infinity."""
    points = np.array([click.point for click in clicks])
    nearest, _ = cKDTree(points).query(points, k=2)
    return [float(distance) for distance in nearest[:, 1]]


def _known_side(click: Click) -> float | None:
    if click.mask is not None:
        return math.sqrt(rle_areas([click.mask])[0])
    if click.box is not None:
        x1, y1, x2, y2 = click.box
        return math.sqrt(max(x2 - x1, 0) * max(y2 - y1, 0))
    return None
