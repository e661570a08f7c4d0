"""Clicks drawn from masks, as a stand-in for an annotator.

A click depends on the seed and its annotation id alone: other objects, their order and their
number do not change it. Every click is the centre of a pixel of its object's mask, with two
exceptions. An object whose mask holds no pixel at all (a sliver between pixel centres) gets a
vertex of its polygon, or the centre of its box. And with an offset each click is moved away from
where it was drawn, off the object if need be, as the click of an annotator who misses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.ndimage import distance_transform_edt
from tqdm import tqdm

from sapnet.data.coco import Instance, InstanceSet
from sapnet.geometry.rle import decode_masks, rle_boxes
from sapnet.structures.clicks import Click, ClickSet

ClickMode = Literal["quasi-center", "uniform", "center", "border"]

BORDER_REACH = 2.0
"""Farthest a border click is from what is not its object, in pixels between centres of pixels."""

MIN_SIDE = 2
"""Objects narrower than this many pixels have no centre region; any of their pixels is drawn."""

PIXEL_CENTER = 0.5

_ID_RANGE = 2**64  # brings any id into the non-negative words that seed a generator


@dataclass(frozen=True)
class QuasiCenterConfig:
    """Where quasi-centre clicks fall (P2BNet's QC points, which SAPNet's setting uses).

    Attributes:
        size_range: axes of the central ellipse as a share of the box sides.
        max_semi_axis: longest semi-axis of the ellipse, in pixels.
        mu: mean of the Gaussian in box sides from the box centre, x and y.
        sigma: standard deviation of the Gaussian in box sides, x and y.
    """

    size_range: float = 0.25
    max_semi_axis: float = 96.0
    mu: tuple[float, float] = (0.0, 0.0)
    sigma: tuple[float, float] = (0.25, 0.25)


def central_ellipse(height: int, width: int, size_range: float, max_semi_axis: float) -> np.ndarray:
    """Pixels of a box whose centre lies in its central ellipse.

    Args:
        height: of the box in pixels.
        width: of the box in pixels.
        size_range: axes of the ellipse as a share of the sides.
        max_semi_axis: longest semi-axis in pixels.

    Returns:
        (height, width) bool; may hold no pixel at all where the box is small.
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
    """Probability of each pixel to be clicked: Gaussian x mask x central region.

    The Gaussian lives on coordinates that run from -0.5 at the first to 0.5 at the last pixel of
    each side. Where the region holds no pixel of the mask, the whole mask takes its place.

    Args:
        mask: (h, w) bool or uint8, the mask inside its box; at least one pixel.
        region: (h, w) bool, the part of the box to click in.
        mu: mean of the Gaussian, x and y, in box sides.
        sigma: standard deviation of the Gaussian, x and y, in box sides.

    Returns:
        (h, w) float64, sums to 1; 0 outside the mask.

    Raises:
        ValueError: if the mask is empty.
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
    weights = np.exp(log_weights - log_weights.max())  # a far-off mask must not underflow to 0
    return np.asarray(weights / weights.sum(), np.float64)


def draw_points(
    weights: np.ndarray,
    origin: tuple[float, float],
    rng: np.random.Generator,
    *,
    count: int = 1,
    offset: float = PIXEL_CENTER,
    jitter: float = 0.0,
) -> np.ndarray:
    """Points drawn from the pixels of a box.

    Args:
        weights: (h, w) probability of each pixel.
        origin: x, y of the box's top left corner.
        rng: source of randomness.
        count: how many points.
        offset: from a pixel's corner to where it is clicked; 0.5 is its centre.
        jitter: width of a uniform deviation around that, in pixels.

    Returns:
        (count, 2) float64 x, y.
    """
    cells = rng.choice(weights.size, size=count, p=weights.ravel())
    rows, columns = np.unravel_index(cells, weights.shape)
    deviation = rng.uniform(-jitter / 2, jitter / 2, size=(count, 2))
    points: np.ndarray = np.stack([columns, rows], axis=1) + np.asarray(origin) + offset + deviation
    return points


def sample_clicks(
    instances: InstanceSet,
    mode: ClickMode = "quasi-center",
    seed: int = 0,
    cfg: QuasiCenterConfig | None = None,
    *,
    offset: float = 0.0,
    show_progress: bool = False,
) -> ClickSet:
    """One click per object of a ground truth; crowds give none.

    Args:
        instances: the ground truth.
        mode: "quasi-center" draws near the box centre, "uniform" any pixel of the mask, "center"
            takes the pixel of the mask that is nearest to the box centre, "border" draws any pixel
            of the mask within `BORDER_REACH` of its outline or of a hole.
        seed: a click depends on it and the annotation id alone.
        cfg: for "quasi-center"; its defaults are the paper's setting.
        offset: how far each click is then moved, in pixels, in a random direction. It may leave its
            object but not the image. All offsets of a seed move a click along one line.
        show_progress: whether to draw a progress bar.

    Returns:
        The clicks, in file order.

    Raises:
        ValueError: if a mask cannot be made, or the offset is negative or not finite.
    """
    if not 0 <= offset < np.inf:
        raise ValueError(f"offset: expected a number of pixels >= 0, found {offset}")
    cfg = cfg or QuasiCenterConfig()
    objects = [instance for instance in instances.instances if not instance.is_crowd]
    clicks = tuple(
        Click(
            annotation_id=instance.annotation_id,
            image_id=instance.image_id,
            category_id=instance.category_id,
            points=(_click_for(instance, mode, seed, cfg, offset),),
        )
        for instance in tqdm(objects, "clicks", unit="object", disable=not show_progress)
    )
    return ClickSet(instances.images, instances.categories, clicks)


def _click_for(
    instance: Instance, mode: ClickMode, seed: int, cfg: QuasiCenterConfig, offset: float
) -> tuple[float, float]:
    """The click on the object, moved by the offset."""
    rng = np.random.default_rng([seed % _ID_RANGE, instance.annotation_id % _ID_RANGE])
    point = _click_on(instance, mode, cfg, rng)
    if offset == 0:
        return point
    angle = rng.uniform(0, 2 * np.pi)
    image = instance.image
    return (
        _inside(point[0] + offset * np.cos(angle), image.width),
        _inside(point[1] + offset * np.sin(angle), image.height),
    )


def _inside(coordinate: float, size: int) -> float:
    """The coordinate, or the centre of the image's first or last pixel where it is beyond that."""
    return float(np.clip(coordinate, PIXEL_CENTER, size - PIXEL_CENTER))


def _click_on(
    instance: Instance, mode: ClickMode, cfg: QuasiCenterConfig, rng: np.random.Generator
) -> tuple[float, float]:
    """The centre of a pixel of the object."""
    rle = instance.rle()
    left, top, right, bottom = rle_boxes([rle])[0].astype(int).tolist()
    mask = decode_masks([rle])[0, top:bottom, left:right]
    if not mask.any():
        return _click_without_pixels(instance, rng)
    match mode:
        case "uniform":
            weights = mask / mask.sum(dtype=np.int64)
        case "center":
            weights = nearest_to_center(mask)
        case "border":
            weights = border_weights(mask)
        case "quasi-center" if min(mask.shape) < MIN_SIDE:
            weights = mask / mask.sum(dtype=np.int64)
        case "quasi-center":
            height, width = mask.shape
            region = central_ellipse(height, width, cfg.size_range, cfg.max_semi_axis)
            weights = quasi_center_weights(mask, region, cfg.mu, cfg.sigma)
        case _:
            modes = ", ".join(repr(known) for known in get_args(ClickMode))
            raise ValueError(f"expected one of the modes {modes}, found {mode!r}")
    x, y = draw_points(weights, (left, top), rng)[0].tolist()
    return x, y


def _side_coordinates(length: int) -> np.ndarray:
    """(length,) from -0.5 to 0.5; 0 for a single pixel."""
    return np.linspace(-0.5, 0.5, length) if length > 1 else np.zeros(1)


def nearest_to_center(mask: np.ndarray) -> np.ndarray:
    """(h, w) weights: 1 at the mask's pixel nearest to the box centre, the first one of several."""
    height, width = mask.shape
    y = np.arange(height) + PIXEL_CENTER - height / 2
    x = np.arange(width) + PIXEL_CENTER - width / 2
    squared_distance = np.where(mask != 0, y[:, None] ** 2 + x[None, :] ** 2, np.inf)
    weights = np.zeros(mask.shape)
    weights.flat[np.argmin(squared_distance)] = 1.0
    return weights


def border_weights(mask: np.ndarray) -> np.ndarray:
    """Probability of each pixel to be clicked near the outline: even, `BORDER_REACH` deep.

    What lies outside of the array is not the object.

    Args:
        mask: (h, w) bool or uint8; at least one pixel.

    Returns:
        (h, w) float64, sums to 1; 0 outside the mask and deeper inside it.
    """
    depth = distance_transform_edt(np.pad(mask != 0, 1))[1:-1, 1:-1]
    border = (depth > 0) & (depth <= BORDER_REACH)
    weights: np.ndarray = border / border.sum(dtype=np.int64)
    return weights


def _click_without_pixels(instance: Instance, rng: np.random.Generator) -> tuple[float, float]:
    """A vertex of the first polygon, or the centre of the box, moved to a pixel of the image."""
    if isinstance(instance.segmentation, list):
        vertices = np.asarray(instance.segmentation[0], np.float64).reshape(-1, 2)
        x, y = vertices[rng.integers(len(vertices))].tolist()
    else:
        x1, y1, x2, y2 = instance.box
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return _pixel_center(x, instance.image.width), _pixel_center(y, instance.image.height)


def _pixel_center(coordinate: float, size: int) -> float:
    return float(np.clip(np.floor(coordinate), 0, size - 1) + PIXEL_CENTER)
