"""The selection maths as one reads it aloud: loops over objects, proposals and plain numbers.

The judge of the vectorised code in tests, and what `benchmarks.speed.selection` times it against.
Written from the description of the method alone; shares no line with the package. Boxes are
(x1, y1, x2, y2), everything in double precision.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Box = Sequence[float]
Bag = Sequence[Box]


def area(box: Box) -> float:
    """Width times height; 0 of an empty box."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def intersection(first: Box, second: Box) -> float:
    """The area that two boxes share."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return width * height if width > 0 and height > 0 else 0.0


def iou(first: Box, second: Box) -> float:
    """Intersection over union; 0 of two empty boxes."""
    shared = intersection(first, second)
    union = area(first) + area(second) - shared
    return shared / union if union > 0 else 0.0


def best(scores: Sequence[float], valid: Sequence[bool]) -> int:
    """The first valid place of the highest score."""
    places = [k for k, ok in enumerate(valid) if ok]
    return max(places, key=lambda k: scores[k])


@dataclass(frozen=True)
class PlainBags:
    """N bags of K proposals, as lists."""

    points: Sequence[Sequence[float]]
    labels: Sequence[int]
    images: Sequence[int]
    boxes: Sequence[Bag]
    valid: Sequence[Sequence[bool]]


def penalties(bags: PlainBags, overlap: str, power: float) -> list[list[float]]:
    """W of Eq. 2: distances to rivals whose "point", or whose "bag" anywhere, a box meets."""
    found = []
    for i, own in enumerate(bags.boxes):
        rivals = [
            j
            for j in range(len(bags.points))
            if j != i and bags.labels[i] == bags.labels[j] and bags.images[i] == bags.images[j]
        ]
        row = []
        for box in own:
            met = [j for j in rivals if _meets(bags, box, j, overlap)]
            row.append(sum(math.dist(bags.points[i], bags.points[j]) ** power for j in met))
        found.append(row)
    return found


def _meets(bags: PlainBags, box: Box, rival: int, overlap: str) -> bool:
    if overlap == "point":
        x, y = bags.points[rival]
        return box[0] < x < box[2] and box[1] < y < box[3]
    others = zip(bags.boxes[rival], bags.valid[rival], strict=True)
    return any(ok and intersection(box, other) > 0 for other, ok in others)


def distance_score(penalty: float) -> float:
    """S_dis of Eq. 2 before its exponent; 1 without a penalty."""
    return 1 / (1 + math.exp(-1 / penalty)) if penalty > 0 else 1.0


def jittered(
    box: Box,
    score: float,
    fixed: Sequence[float],
    lone: Sequence[float],
    crowded: Sequence[float],
) -> list[Box]:
    """Eq. 4: boxes of the same centre, sides times 1 + v or 1 + v / S_dis."""
    scales = [1 + v for v in fixed]
    scales += [1 + v / score for v in (lone if score == 1 else crowded)]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    width, height = box[2] - box[0], box[3] - box[1]
    return [
        (x - width * s / 2, y - height * s / 2, x + width * s / 2, y + height * s / 2)
        for s in scales
    ]


def clipped(box: Box, height: float, width: float) -> Box:
    """The box inside its image."""
    x1, y1, x2, y2 = (max(value, 0.0) for value in box)
    return min(x1, width), min(y1, height), min(x2, width), min(y2, height)


def random_box(uniforms: Sequence[float], height: float, width: float, overhang: float) -> Box:
    """A background candidate: a corner in the image or the strip before it, then the sides."""
    x1 = -overhang * width + (1 + overhang) * width * uniforms[0]
    y1 = -overhang * height + (1 + overhang) * height * uniforms[1]
    x2 = x1 + ((1 + overhang) * width - x1) * uniforms[2]
    y2 = y1 + ((1 + overhang) * height - y1) * uniforms[3]
    return x1, y1, x2, y2


def is_background(box: Box, positives: Sequence[Box], limit: float) -> bool:
    """Whether the IoU with every positive stays below the limit."""
    return all(iou(box, positive) < limit for positive in positives)


def random_part(uniforms: Sequence[float], smallest: float, limit: float) -> Box:
    """A part in units of its box: one side as the limit allows, then the other one."""
    left, top, first, second, order = uniforms
    longest = min(1.0, limit / smallest)
    one = smallest + (longest - smallest) * first
    other = smallest + (min(1.0, limit / one) - smallest) * second
    width, height = (one, other) if order < 0.5 else (other, one)
    x, y = (1 - width) * left, (1 - height) * top
    return x, y, x + width, y + height


def placed(box: Box, part: Box) -> Box:
    """A part, in units of its box, as a box."""
    width, height = box[2] - box[0], box[3] - box[1]
    return (
        box[0] + part[0] * width,
        box[1] + part[1] * height,
        box[0] + part[2] * width,
        box[1] + part[3] * height,
    )


def mined(
    box: Box,
    candidates: Sequence[Box],
    valid: Sequence[bool],
    close: float,
    containment: float,
    tolerance: float,
) -> Box:
    """Algorithm 2: merge the selected box with one candidate after the other."""
    last_area, last_iou = area(box), 0.0
    for candidate, ok in zip(candidates, valid, strict=True):
        if not ok or area(candidate) <= last_area:
            continue
        o = iou(box, candidate)
        overhang = max(
            candidate[0] - box[0],
            candidate[1] - box[1],
            box[2] - candidate[2],
            box[3] - candidate[3],
        )
        if o <= last_iou:
            continue
        if o > close:
            box = tuple((c + o * b) / (1 + o) for c, b in zip(candidate, box, strict=True))
        elif o > containment and overhang < tolerance:
            box = tuple((o * c + b) / (1 + o) for c, b in zip(candidate, box, strict=True))
        else:
            continue
        last_area, last_iou = area(candidate), o
    return box


def nearest(box: Box, bag: Bag, valid: Sequence[bool]) -> int:
    """The proposal whose box overlaps a box most."""
    return best([iou(box, proposal) for proposal in bag], valid)
