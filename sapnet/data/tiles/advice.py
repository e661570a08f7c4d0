"""Advice on windows: for large images with small objects, by how near their clicks are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sapnet.structures.clicks import Click, ImageRecord

INPUT_SIDE = 1333
"""Longest side of an image in the network's input, pixels; larger images are shrunk to it."""

LEAST_SIDE = 2 * INPUT_SIDE
"""Longest side from which on an image counts as large."""

LEAST_SPACING = 32.0
"""Distance of neighbouring clicks in the network's input, pixels: nearer ones are small objects, of
which the network sees little."""

LEAST_CLICKS = 10
"""Clicks of large images from which on their distances tell anything."""

VAST_PIXELS = 100_000_000
"""Pixels of an image that is always read in windows: more than any camera takes."""

SIZES = (512, 768, 1024, 1536, 2048)
"""Sides of windows that are advised, pixels."""

_SPACINGS_PER_SIDE = 20
"""Neighbouring clicks along the side of a window: then they are 40 px apart in an input of 800."""


@dataclass(frozen=True)
class TileAdvice:
    """Windows that a data set should be read in.

    Attributes:
        size: side of the windows, pixels.
        reason: why, in words.
    """

    size: int
    reason: str


def advise_tiles(images: Sequence[ImageRecord], clicks: Iterable[Click] = ()) -> TileAdvice | None:
    """Return the windows that large images with small objects should be read in.

    Args:
        images: with the sizes of the upright images.
        clicks: on them, as far as known.

    Returns:
        The advice; None where whole images will do.
    """
    large = {i.image_id: i for i in images if max(i.width, i.height) > LEAST_SIDE}
    spacings = _spacings(large, clicks)
    if len(spacings) >= LEAST_CLICKS:
        spacing = float(np.median(spacings[:, 0]))
        shown = float(np.median(spacings.prod(axis=1)))
        if shown < LEAST_SPACING:
            return TileAdvice(
                _size_for(spacing),
                f"{len(large)} images are larger than {LEAST_SIDE} px and their objects are small: "
                f"neighbouring clicks are {spacing:.0f} px apart (median), and {shown:.0f} px in "
                f"the network's input of {INPUT_SIDE} px",
            )
    vast = [image for image in images if image.width * image.height > VAST_PIXELS]
    if vast:
        return TileAdvice(
            _size_for(float(np.median(spacings[:, 0]))) if len(spacings) else SIZES[2],
            f"{len(vast)} images have more than {VAST_PIXELS // 1_000_000} million pixels",
        )
    return None


def _size_for(spacing: float) -> int:
    return min(SIZES, key=lambda size: abs(size - _SPACINGS_PER_SIDE * spacing))


def _spacings(large: dict[int, ImageRecord], clicks: Iterable[Click]) -> np.ndarray:
    """Return (N, 2): distance of each click to the nearest one, scale of its image."""
    from scipy.spatial import KDTree

    points: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for click in clicks:
        if click.image_id in large:
            points[click.image_id].append(click.point)
    rows = []
    for image_id, found in points.items():
        if len(found) > 1:
            image = large[image_id]
            nearest = KDTree(np.array(found)).query(np.array(found), k=2)[0][:, 1]
            scale = INPUT_SIDE / max(image.width, image.height)
            rows.append(np.stack([nearest, np.full(len(nearest), scale)], 1))
    return np.concatenate(rows) if rows else np.zeros((0, 2))
