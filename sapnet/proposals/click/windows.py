"""Square windows of an image: where they lie, and their pixels at a fixed side."""

from __future__ import annotations

import math

import cv2
import numpy as np

GRAY = (127, 127, 127)
"""Colour of what lies outside of the image: zero in the network's input."""

MAX_REDUCTION = 1.6
"""Strongest reduction by interpolation; more is left to the image's pyramid, against aliasing."""

MIN_SIDE = 32
"""Of the smallest halving, pixels."""


class Pyramid:
    """An image and its halvings, each made when it is first asked for."""

    def __init__(self, image: np.ndarray) -> None:
        """Keep the image, (H, W) or (H, W, 3) uint8."""
        self._levels = [image]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        height, width = self._levels[0].shape[:2]
        return height, width

    def level(self, index: int) -> np.ndarray:
        """The image halved some times, or fewer times where it gets too small."""
        while len(self._levels) <= index and min(self._levels[-1].shape[:2]) >= 2 * MIN_SIDE:
            height, width = self._levels[-1].shape[:2]
            size = ((width + 1) // 2, (height + 1) // 2)
            self._levels.append(cv2.resize(self._levels[-1], size, interpolation=cv2.INTER_AREA))
        return self._levels[min(index, len(self._levels) - 1)]


def place_windows(
    centers: np.ndarray, sides: np.ndarray, image_size: tuple[int, int]
) -> np.ndarray:
    """Place windows round their centres, moved so that as little as can be lies off the image.

    A window wider than the image is centred on it: the largest ones of all clicks are the same.

    Args:
        centers: (W, 2) x, y in pixels of the image.
        sides: (W,) pixels.
        image_size: (height, width).

    Returns:
        (W, 3) float64 left, top, side.
    """
    extent = np.array(image_size[::-1], np.float64)
    half = sides[:, None] / 2
    low, high = np.minimum(half, extent / 2), np.maximum(extent - half, extent / 2)
    corners = np.clip(centers, low, high) - half
    return np.concatenate([corners, sides[:, None]], axis=1)


def window_matrix(window: np.ndarray, side: int) -> np.ndarray:
    """Affine map from the pixel edges of a resized window to those of the image.

    Args:
        window: (3,) left, top, side.
        side: of the resized window in pixels.

    Returns:
        (2, 3) float64.
    """
    left, top, extent = window
    scale = extent / side
    return np.array([[scale, 0, left], [0, scale, top]])


def cut(pyramid: Pyramid, matrix: np.ndarray, side: int, outside: tuple[int, ...]) -> np.ndarray:
    """Pixels of an image under an affine map, without aliasing.

    Args:
        pyramid: of the image.
        matrix: (2, 3) from pixel edges of the answer to those of the image.
        side: of the answer.
        outside: value of what lies off the image, per channel.

    Returns:
        (side, side) or (side, side, 3) uint8.
    """
    (a, b, _), (c, d, _) = matrix
    reduction = math.sqrt(abs(a * d - b * c))
    source = pyramid.level(math.ceil(math.log2(max(reduction / MAX_REDUCTION, 1))))
    # Halving rounds up, so the exact factors differ a little from a power of two.
    shrink = np.array(source.shape[1::-1]) / np.array(pyramid.size[::-1])
    scaled = matrix * shrink[:, None]
    # OpenCV counts pixel centres: 0 is the centre of the first.
    scaled[:, 2] += scaled[:, :2].sum(1) / 2 - 0.5
    return cv2.warpAffine(
        source,
        scaled,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=outside,
    )
