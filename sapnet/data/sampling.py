"""Sampling of clicks from masks, in place of an annotator.

A click depends only on the seed and its annotation id, not on other objects, their order or their
number. Every click is the center of a pixel of its object's mask, with two exceptions. An object
whose mask contains no pixel (a sliver between pixel centers) gets a vertex of its polygon, or the
center of its box. With an offset, each click is moved away from its position, possibly off the
object, like the click of an annotator who misses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from tqdm import tqdm

from sapnet.data.choices import ClickMode
from sapnet.data.click_weights import (
    PIXEL_CENTER,
    border_weights,
    central_ellipse,
    draw_points,
    nearest_to_center,
    quasi_center_weights,
)
from sapnet.data.coco import Instance, InstanceSet
from sapnet.geometry.rle import decode_masks, rle_boxes
from sapnet.structures.clicks import Click, ClickSet

MIN_SIDE = 2
"""Smallest side, in pixels, of an object with a central region; else any pixel is drawn."""

_ID_RANGE = 2**64  # maps any id to the non-negative integers that seed a generator


@dataclass(frozen=True)
class QuasiCenterConfig:
    """Settings of quasi-center clicks (P2BNet's QC points, which SAPNet's setting uses).

    Attributes:
        size_range: axes of the central ellipse as a share of the box sides.
        max_semi_axis: longest semi-axis of the ellipse, in pixels.
        mu: mean of the Gaussian, x and y, in box sides from the box center.
        sigma: standard deviation of the Gaussian, x and y, in box sides.
    """

    size_range: float = 0.25
    max_semi_axis: float = 96.0
    mu: tuple[float, float] = (0.0, 0.0)
    sigma: tuple[float, float] = (0.25, 0.25)


def sample_clicks(
    instances: InstanceSet,
    mode: ClickMode = "quasi-center",
    seed: int = 0,
    cfg: QuasiCenterConfig | None = None,
    *,
    offset: float = 0.0,
    show_progress: bool = False,
) -> ClickSet:
    """Sample one click per object of a ground truth; crowds become regions to ignore.

    Args:
        instances: the ground truth.
        mode: "quasi-center" draws near the box center; "uniform" draws any pixel of the mask;
            "center" takes the pixel of the mask that is nearest to the box center; "border" draws
            any pixel of the mask within `BORDER_REACH` of its outline or of a hole.
        seed: a click depends only on it and on the annotation id.
        cfg: settings of "quasi-center"; the defaults are the paper's.
        offset: distance, in pixels, by which each click is then moved in a random direction. It may
            leave its object but not the image. All offsets of a seed move a click along one line.
        show_progress: True to show a progress bar.

    Returns:
        The clicks, in file order.

    Raises:
        ValueError: a mask cannot be made, or the offset is negative or not finite.
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
    return ClickSet(instances.images, instances.categories, clicks, instances.coverage())


def _click_for(
    instance: Instance, mode: ClickMode, seed: int, cfg: QuasiCenterConfig, offset: float
) -> tuple[float, float]:
    """Return the click on the object, moved by the offset."""
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
    """Clip a coordinate to the centers of the image's first and last pixel."""
    return float(np.clip(coordinate, PIXEL_CENTER, size - PIXEL_CENTER))


def _click_on(
    instance: Instance, mode: ClickMode, cfg: QuasiCenterConfig, rng: np.random.Generator
) -> tuple[float, float]:
    """Draw the center of a pixel of the object."""
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


def _click_without_pixels(instance: Instance, rng: np.random.Generator) -> tuple[float, float]:
    """Return a vertex of the first polygon, or the box center, moved to a pixel of the image."""
    if isinstance(instance.segmentation, list):
        vertices = np.asarray(instance.segmentation[0], np.float64).reshape(-1, 2)
        x, y = vertices[rng.integers(len(vertices))].tolist()
    else:
        x1, y1, x2, y2 = instance.box
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return _pixel_center(x, instance.image.width), _pixel_center(y, instance.image.height)


def _pixel_center(coordinate: float, size: int) -> float:
    return float(np.clip(np.floor(coordinate), 0, size - 1) + PIXEL_CENTER)
