"""Masks as polygons along the edges of their pixels, and back, without loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sapnet.data.geo.features import Ring
from sapnet.geometry.placing import place_mask
from sapnet.geometry.rle_windows import decode_crop

if TYPE_CHECKING:
    from sapnet.structures.clicks import RLE


def mask_to_rings(rle: RLE) -> tuple[tuple[Ring, ...], ...]:
    """Trace a mask along the edges of its pixels, in pixels of the image.

    Returns:
        For each connected part (diagonal neighbours are apart) its rings: the outer one, then its
        holes.
    """
    from rasterio.features import shapes

    crop, (x, y) = decode_crop(rle)
    if crop.size == 0:
        return ()
    found = shapes(np.ascontiguousarray(crop), mask=crop != 0, connectivity=4)
    return tuple(
        tuple(np.array(ring, np.float64) + np.array([x, y]) for ring in shape["coordinates"])
        for shape, _ in found
    )


def rings_to_mask(polygons: tuple[tuple[Ring, ...], ...], size: tuple[int, int]) -> RLE:
    """Fill polygons: the pixels whose centers lie inside.

    Args:
        polygons: parts with their rings, in pixels of the image.
        size: (height, width) of the image.

    Returns:
        The mask, which is empty if the polygons lie outside.
    """
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    height, width = size
    corners = np.concatenate([ring for part in polygons for ring in part])
    x1, y1 = np.clip(np.floor(corners.min(0)), 0, (width, height)).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(corners.max(0)), 0, (width, height)).astype(int).tolist()
    if x2 <= x1 or y2 <= y1:
        return place_mask(np.zeros((1, 1)), (0, 0), size)
    shapes = [
        {"type": "Polygon", "coordinates": [ring.tolist() for ring in part]} for part in polygons
    ]
    crop = rasterize(
        shapes, out_shape=(y2 - y1, x2 - x1), transform=Affine(1, 0, x1, 0, 1, y1), dtype="uint8"
    )
    return place_mask(crop, (x1, y1), size)
