"""Clicks on other objects of the same category as negative clicks of an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sapnet.structures.clicks import Click

MIN_DISTANCE = 2.0
"""Pixels between two clicks that are taken for two objects; nearer ones may be one object's."""


def with_rivals(clicks: Sequence[Click], index: int, max_rivals: int) -> Click:
    """Add the nearest clicks on objects of the same category as negative points.

    A mask of one object holds no other object of its kind. Objects of other categories may be
    parts of it, or it of them, and say nothing.

    Args:
        clicks: all clicks of an image, original frame.
        index: place of the click among them.
        max_rivals: most points to add; the nearest come first.

    Returns:
        The click with its own negative points first.
    """
    click = clicks[index]
    points = np.array([other.point for other in clicks], np.float64)
    categories = np.array([other.category_id for other in clicks])
    distances = np.linalg.norm(points - points[index], axis=1)
    is_rival = (categories == click.category_id) & (distances >= MIN_DISTANCE)
    nearest = np.argsort(np.where(is_rival, distances, np.inf), kind="stable")
    rivals = nearest[: min(max_rivals, int(is_rival.sum()))]
    added = tuple(clicks[place].point for place in rivals.tolist())
    return replace(click, negative_points=(*click.negative_points, *added))
