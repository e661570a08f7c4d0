"""The clicks of an image: their points, and the pairs that compete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sapnet.structures.clicks import Click


@dataclass(frozen=True)
class ClickScene:
    """The clicks of an image, ready for the proposer.

    Attributes:
        points: (N, 2) float64 first point of each click, fractions of the image.
        rival_points: (R, 2) float64 all points and negative points, fractions.
        rivals: (N, R) bool, True where a rival point competes with the click.
        kin: (N, R) bool, True where the rival point belongs to another object of its category.
    """

    points: np.ndarray
    rival_points: np.ndarray
    rivals: np.ndarray
    kin: np.ndarray


def arrange_clicks(clicks: Sequence[Click], size: tuple[int, int]) -> ClickScene:
    """Collect the points of all clicks of an image, and which of them compete.

    Args:
        clicks: N >= 1 clicks, original frame.
        size: (height, width) of the image.

    Raises:
        ValueError: a point lies outside the image.
    """
    height, width = size
    points: list[tuple[float, float]] = []
    owners: list[int] = []
    categories: list[int] = []
    for n, click in enumerate(clicks):
        for x, y in (*click.points, *click.negative_points):
            if not (0 <= x < width and 0 <= y < height):
                raise ValueError(
                    f"object {click.annotation_id}: point ({x}, {y}) lies outside the image "
                    f"(0 <= x < {width}, 0 <= y < {height}); export the clicks of image "
                    f"{click.image_id} again, or drop the object"
                )
        points.extend([*click.points, *click.negative_points])
        owners.extend([n] * len(click.points) + [-1 - n] * len(click.negative_points))
        categories.extend([click.category_id] * (len(points) - len(categories)))
    owner, category = np.array(owners), np.array(categories)
    own = np.arange(len(clicks))[:, None]
    rivals = ((owner >= 0) & (owner != own)) | (owner == -1 - own)
    own_category = np.array([click.category_id for click in clicks])[:, None]
    scale = np.array([width, height], dtype=np.float64)
    return ClickScene(
        np.array([click.point for click in clicks]) / scale,
        np.array(points) / scale,
        rivals,
        rivals & (owner >= 0) & (category == own_category),
    )
