"""Click probabilities of the pixels of a mask, and points drawn from them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

BORDER_REACH = 2.0
"""Largest distance of a border click from the outside of its object, between pixel centers."""

PIXEL_CENTER = 0.5


def central_ellipse(height: int, width: int, size_range: float, max_semi_axis: float) -> np.ndarray:
    """Return the pixels of a box whose center lies in its central ellipse.

    Args:
        height: height of the box in pixels.
        width: width of the box in pixels.
        size_range: axes of the ellipse as a share of the sides.
        max_semi_axis: longest semi-axis in pixels.

    Returns:
        (height, width) bool; may be all False for a small box.
    """
    y_axis, x_axis = (min(max_semi_axis, size_range * side / 2) for side in (height, width))
    y = (np.arange(height) + PIXEL_CENTER - height / 2) / y_axis
    x = (np.arange(width) + PIXEL_CENTER - width / 2) / x_axis
    return y[:, None] ** 2 + x[None, :] ** 2 <= 1


def quasi_center_weights(
    mask: np.ndarray,
    region: np.ndarray,
    mu: tuple[float, float] = (0.0, 0.0),
    sigma: tuple[float, float] = (0.25, 0.25),
) -> np.ndarray:
    """Return the click probability of each pixel: Gaussian x mask x central region.

    The coordinates of the Gaussian run from -0.5 at the first to 0.5 at the last pixel of each
    side. If the region contains no pixel of the mask, the whole mask is used instead.

    Args:
        mask: (h, w) bool or uint8, the mask inside its box; at least one pixel.
        region: (h, w) bool, the part of the box to click in.
        mu: mean of the Gaussian, x and y, in box sides.
        sigma: standard deviation of the Gaussian, x and y, in box sides.

    Returns:
        (h, w) float64, sums to 1; 0 outside the mask.

    Raises:
        ValueError: the mask is empty.
    """
    if not mask.any():
        raise ValueError("expected a mask with at least one pixel, found an empty one")
    exponents = [
        -0.5 * ((_side_coordinates(length) - mean) / deviation) ** 2
        for length, mean, deviation in zip(mask.shape, mu[::-1], sigma[::-1], strict=True)
    ]
    support = (mask != 0) & region
    if not support.any():
        support = mask != 0
    log_weights = np.where(support, exponents[0][:, None] + exponents[1][None, :], -np.inf)
    weights = np.exp(log_weights - log_weights.max())  # a mask far away must not underflow to 0
    return np.asarray(weights / weights.sum(), np.float64)


def nearest_to_center(mask: np.ndarray) -> np.ndarray:
    """Return (h, w) weights: 1 at the mask's pixel nearest to the box center, else 0.

    Of several equally near pixels, the first one is taken.
    """
    height, width = mask.shape
    y = np.arange(height) + PIXEL_CENTER - height / 2
    x = np.arange(width) + PIXEL_CENTER - width / 2
    squared_distance = np.where(mask != 0, y[:, None] ** 2 + x[None, :] ** 2, np.inf)
    weights = np.zeros(mask.shape)
    weights.flat[np.argmin(squared_distance)] = 1.0
    return weights


def border_weights(mask: np.ndarray) -> np.ndarray:
    """Return click probabilities that are uniform within `BORDER_REACH` of the outline.

    Everything outside of the array counts as outside of the object.

    Args:
        mask: (h, w) bool or uint8; at least one pixel.

    Returns:
        (h, w) float64, sums to 1; 0 outside the mask and deeper inside it.
    """
    depth = distance_transform_edt(np.pad(mask != 0, 1))[1:-1, 1:-1]
    border = (depth > 0) & (depth <= BORDER_REACH)
    weights: np.ndarray = border / border.sum(dtype=np.int64)
    return weights


def draw_points(
    weights: np.ndarray,
    origin: tuple[float, float],
    rng: np.random.Generator,
    *,
    count: int = 1,
    offset: float = PIXEL_CENTER,
    jitter: float = 0.0,
) -> np.ndarray:
    """Draw points from the pixels of a box.

    Args:
        weights: (h, w) probability of each pixel.
        origin: x, y of the box's top left corner.
        rng: random generator.
        count: number of points.
        offset: offset of the point from the pixel's corner; 0.5 is the pixel's center.
        jitter: width of a uniform deviation around that position, in pixels.

    Returns:
        (count, 2) float64 x, y.
    """
    cells = rng.choice(weights.size, size=count, p=weights.ravel())
    rows, columns = np.unravel_index(cells, weights.shape)
    deviation = rng.uniform(-jitter / 2, jitter / 2, size=(count, 2))
    points: np.ndarray = np.stack([columns, rows], axis=1) + np.asarray(origin) + offset + deviation
    return points


def _side_coordinates(length: int) -> np.ndarray:
    """Return (length,) coordinates from -0.5 to 0.5, or 0 for a single pixel."""
    return np.linspace(-0.5, 0.5, length) if length > 1 else np.zeros(1)
