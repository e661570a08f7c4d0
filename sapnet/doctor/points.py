"""Checks of coordinates: swapped axes, fractions or percent instead of pixels, duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sapnet.data.coco_json import CocoFile, Record, is_number
from sapnet.doctor.finding import Finding
from sapnet.structures.clicks import Click, ImageRecord

LEAST_OUTSIDE = 3
"""Number of points outside their image from which swapped axes are suspected."""

MAX_OUTSIDE_SWAPPED = 0.1
"""Largest share of the points outside that remain outside when x and y are swapped."""

CHANCE = 1e-6
"""Probability threshold for a suspicious set of coordinates: that of uniformly spread clicks which
all fall into the corner that the coordinates cover."""

NEAR_SHARE = 0.004
"""Distance, as a share of the image's diagonal, below which two clicks count as the same click."""

NEAR_PIXELS = 2.0
"""The same in pixels; the larger of both applies."""


@dataclass(frozen=True)
class PointTable:
    """Well-formed points of a file with the sizes of their images, in the file's frame.

    Attributes:
        annotation_ids: N ids.
        xy: (N, 2) float64 points, inside or outside of their images.
        sizes: (N, 2) float64 (width, height) of their images.
    """

    annotation_ids: tuple[int, ...]
    xy: np.ndarray
    sizes: np.ndarray


def click_table(coco: CocoFile) -> PointTable:
    """Return the `point` of every object whose point is two finite numbers."""
    rows = [
        (annotation["id"], annotation["point"], coco.image_of_id[annotation["image_id"]])
        for annotation in coco.annotations
        if _is_pair(annotation.get("point"))
    ]
    return _table(rows)


def polygon_table(coco: CocoFile) -> PointTable:
    """Return the first vertex of every well-formed polygon."""
    rows = []
    for annotation in coco.annotations:
        for polygon in _polygons(annotation):
            image = coco.image_of_id[annotation["image_id"]]
            rows.append((annotation["id"], polygon[:2], image))
    return _table(rows)


def check_frame(table: PointTable) -> Iterator[Finding]:
    """Check for coordinates that are, as a whole, in another frame or unit.

    Args:
        table: all points of a file.
    """
    if len(table.annotation_ids) == 0:
        return
    outside = _is_outside(table.xy, table.sizes)
    outside_swapped = _is_outside(table.xy[:, ::-1], table.sizes)
    count = int(outside.sum())
    if count >= LEAST_OUTSIDE and outside_swapped.sum() <= MAX_OUTSIDE_SWAPPED * count:
        yield Finding(
            "error",
            "x and y swapped?",
            f"{count} of {len(outside)} points lie outside their image; with x and y swapped, "
            f"{int(outside_swapped.sum())} would. Expected [x, y], x to the right: swap them, and "
            "look at the pictures.",
        )
    for limit, unit, advice in (
        (1.0, "fractions of the sides", "multiply x by the width and y by the height"),
        (100.0, "percent of the sides", "multiply x by the width / 100 and y by the height / 100"),
    ):
        if (table.xy <= limit).all() and (table.xy >= 0).all():
            if _log_chance(table.sizes, limit) < np.log(CHANCE):
                yield Finding(
                    "error",
                    f"{unit.split()[0]} instead of pixels?",
                    f"all coordinates of {len(table.xy)} points lie between 0 and {limit:g}, as if "
                    f"they were {unit}. Expected pixels: {advice}.",
                )
            return


def check_corners(table: PointTable) -> Iterator[Finding]:
    """Find points at exactly (0, 0), which usually stand for a missing value."""
    for annotation_id, point in zip(table.annotation_ids, table.xy, strict=True):
        if not point.any():
            yield Finding(
                "warning",
                "point at (0, 0)",
                "the point is the very corner of the image, as where a value was missing. Click "
                "the object again, or drop it.",
                place=f"object {annotation_id}",
                annotation_id=annotation_id,
            )


def check_near_clicks(clicks: Sequence[Click], images: dict[int, ImageRecord]) -> Iterator[Finding]:
    """Find objects of one image whose points are nearly at the same place.

    Args:
        clicks: all clicks of the data set.
        images: the images by id.
    """
    by_image: dict[int, list[Click]] = defaultdict(list)
    for click in clicks:
        by_image[click.image_id].append(click)
    for image_id, members in by_image.items():
        image = images[image_id]
        reach = max(NEAR_PIXELS, NEAR_SHARE * float(np.hypot(image.width, image.height)))
        owners = [click for click in members for _ in click.points]
        for first, second in _near_pairs([p for c in members for p in c.points], reach):
            one, other = owners[first], owners[second]
            if one is not other:
                yield _near_finding(one, other, image)


def _near_pairs(points: Sequence[tuple[float, float]], reach: float) -> list[tuple[int, int]]:
    from scipy.spatial import KDTree

    if len(points) < 2:
        return []
    return sorted(KDTree(np.array(points)).query_pairs(reach))


def _near_finding(one: Click, other: Click, image: ImageRecord) -> Finding:
    is_same = one.category_id == other.category_id
    return Finding(
        "warning",
        "object clicked twice?" if is_same else "one place, two categories",
        f"its point is next to that of object {one.annotation_id}"
        + (
            " of the same category. Drop one of them, or join them with an `object_id`."
            if is_same
            else f", which has category {one.category_id} instead of {other.category_id}. Drop one."
        ),
        place=f"object {other.annotation_id} (image {image.image_id}, {image.file_name})",
        image_id=image.image_id,
        annotation_id=other.annotation_id,
    )


def _log_chance(sizes: np.ndarray, limit: float) -> float:
    """Return the log probability that uniformly spread clicks all fall into a corner."""
    shares = np.minimum(limit / sizes, 1).prod(axis=1)
    return float(np.log(shares).sum())


def _is_outside(xy: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.asarray(((xy < 0) | (xy >= sizes)).any(axis=1))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def _polygons(annotation: Record) -> list[list[float]]:
    found = annotation.get("segmentation")
    if not isinstance(found, list):
        return []
    return [p for p in found if isinstance(p, list) and len(p) >= 2 and all(map(is_number, p))]


def _table(rows: Sequence[tuple[int, list[float], ImageRecord]]) -> PointTable:
    return PointTable(
        annotation_ids=tuple(annotation_id for annotation_id, _, _ in rows),
        xy=np.array([point for _, point, _ in rows], np.float64).reshape(-1, 2),
        sizes=np.array([(i.width, i.height) for _, _, i in rows], np.float64).reshape(-1, 2),
    )
