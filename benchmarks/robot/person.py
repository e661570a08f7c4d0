"""A person at one object: clicks, looks, corrects and draws, and knows what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.robot.hand import CORNER_PAUSE
from sapnet.geometry.rle import decode_masks, to_rle

if TYPE_CHECKING:
    from benchmarks.robot.hand import Hand

GOOD = 0.75
"""IoU from which a person takes a candidate."""

FURTHER_CLICKS = 1
"""Most clicks after the box, or after the first click; without hand tools one more."""

POLYGON_IOU = 0.88
"""IoU that the corners of a polygon are laid for: a person cuts small detail off."""

LEAST_PART = 0.05
"""Parts of an object smaller than this share of it are not drawn."""

MOST_CORNERS = 40

DOT = 15.0
"""Screen pixels from a dot within which a click would take the dot instead."""

ANSWERED = "() => sapnet.preview.candidates.length || sapnet.preview.message === 'none found'"
"""Script that is true when the proposer has answered the last click."""


@dataclass(frozen=True)
class Labelled:
    """Work that an object needed.

    Attributes:
        need: "first candidate", "other candidate", "further clicks", "polygon" or, without hand
            tools, "nothing good".
        clicks: on the image, the box included and corners not.
        corners: of polygons.
        iou: of the final mask.
        offered: best IoU of the candidates of the box or the first click.
    """

    need: str
    clicks: int
    corners: int
    iou: float
    offered: float


class Person:
    """Labels objects on the page: a box, a click where that is not enough, then a polygon.

    Args:
        hand: moves the mouse.
        has_tools: False keeps to clicks and candidates.
    """

    def __init__(self, hand: Hand, *, has_tools: bool = True) -> None:
        self._hand, self._has_tools = hand, has_tools

    def label(self, truth: np.ndarray, point: tuple[float, float]) -> Labelled:
        """Make one object.

        Args:
            truth: (H, W) bool, what the person sees as the object.
            point: where they click first.
        """
        hand = self._hand
        hand.turn_to("box" if self._has_tools else "click")
        if self._has_tools:
            rows, columns = np.nonzero(truth)
            corners_of_box = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
            hand.drag(*corners_of_box, "Control")
        else:
            hand.click(*self._beside_dots(truth, point))
        found = self._overlaps(truth)
        offered, clicks = max(found, default=0.0), 1
        most = FURTHER_CLICKS + (not self._has_tools)
        hand.turn_to("further clicks")
        while max(found, default=0.0) < GOOD and clicks <= most and found:
            # The click answers what the candidate on the screen gets wrong.
            x, y, is_part = worst_place(truth, self._candidate(0))
            hand.click(x, y, "Shift" if is_part else "Alt")
            clicks += 1
            found = self._overlaps(truth)
        best = int(np.argmax(found)) if found else -1
        is_good = best >= 0 and found[best] >= GOOD
        corners = 0
        if is_good or not self._has_tools:
            self._keep(best)
        else:
            corners = self._draw(truth)
        need = "first candidate" if best <= 0 else "other candidate"
        need = need if clicks == 1 else "further clicks"
        if not is_good:
            need = "polygon" if self._has_tools else "nothing good"
        return Labelled(need, clicks, corners, self._final(truth), offered)

    def _keep(self, place: int) -> None:
        """Go to a candidate and keep it."""
        hand = self._hand
        if place > 0:
            hand.turn_to("other candidate")
            hand.press(*["Tab"] * place)
        hand.turn_to("keeping")
        hand.press("Enter")

    def _beside_dots(self, truth: np.ndarray, point: tuple[float, float]) -> tuple[float, float]:
        """Return the place of the object nearest to a point that no other object's dot covers."""
        dots = self._hand.page.evaluate(
            "() => sapnet.store.objects.flatMap(({ points }) => points)"
        )
        radius = DOT / self._hand.page.evaluate("() => sapnet.view.zoom")
        rows, columns = np.nonzero(truth)
        places = np.stack([columns, rows], 1) + 0.5
        free = np.ones(len(places), bool)
        for dot in dots:
            free &= np.hypot(*(places - dot).T) > radius
        if not free.any():
            return point
        nearest = np.hypot(*(places[free] - point).T).argmin()
        x, y = places[free][nearest]
        return float(x), float(y)

    def _overlaps(self, truth: np.ndarray) -> list[float]:
        """IoU of the candidates on the page."""
        self._hand.wait(ANSWERED)
        masks = self._hand.page.evaluate("() => sapnet.preview.candidates.map(({ mask }) => mask)")
        return [mask_iou(decoded(mask), truth) for mask in masks]

    def _candidate(self, place: int) -> np.ndarray:
        mask = self._hand.page.evaluate("(place) => sapnet.preview.candidates[place].mask", place)
        return decoded(mask)

    def _draw(self, truth: np.ndarray) -> int:
        """Draw the parts of the object as polygons; return the number of corners."""
        hand = self._hand
        hand.turn_to("polygon")
        hand.press("g")
        corners = 0
        for number, part in enumerate(parts_of(truth)):
            keys = ("Shift",) if number else ()
            for x, y in part[:-1]:
                hand.click(x, y, pause=CORNER_PAUSE)
            hand.click(*part[-1], pause=CORNER_PAUSE)
            hand.press("+".join([*keys, "Enter"]))
            corners += len(part)
        return corners  # the next box needs no other tool

    def _final(self, truth: np.ndarray) -> float:
        """IoU of the mask of the last object."""
        mask = self._hand.page.evaluate("() => sapnet.store.objects.at(-1).mask")
        return mask_iou(decoded(mask), truth) if mask else 0.0


def decoded(mask: dict[str, Any]) -> np.ndarray:
    """(H, W) bool of a mask of the page."""
    return decode_masks([to_rle(mask, *mask["size"])])[0].astype(bool)


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    """IoU of two masks; 0 for two empty ones."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 0.0


def worst_place(truth: np.ndarray, found: np.ndarray) -> tuple[float, float, bool]:
    """Find the middle of the largest error of a mask.

    Returns:
        x, y, and True if the object misses the place, False if the mask should.
    """
    best, place = -1.0, (0.0, 0.0, True)
    for wrong, is_part in ((truth & ~found, True), (found & ~truth, False)):
        padded = np.pad(wrong.astype(np.uint8), 1)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        row, column = np.unravel_index(int(distance.argmax()), distance.shape)
        if distance[row, column] > best:
            best, place = float(distance[row, column]), (column + 0.5, row + 0.5, is_part)
    return place


def parts_of(truth: np.ndarray) -> list[list[tuple[float, float]]]:
    """Lay corners round the parts of an object, as few as `POLYGON_IOU` allows."""
    outlines, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    area = max(int(truth.sum()), 1)
    large = [o for o in outlines if cv2.contourArea(o) >= LEAST_PART * area and len(o) > 2]
    parts = []
    for outline in sorted(large, key=cv2.contourArea, reverse=True):
        whole = filled(outline[:, 0], truth.shape)
        for tolerance in np.geomspace(20, 0.5, 16):
            corners = cv2.approxPolyDP(outline, float(tolerance), closed=True)[:, 0]
            if len(corners) > MOST_CORNERS:
                break
            last = corners
            if len(corners) > 2 and mask_iou(filled(corners, truth.shape), whole) >= POLYGON_IOU:
                break
        else:
            last = corners
        parts.append([(float(x) + 0.5, float(y) + 0.5) for x, y in last])
    return [part for part in parts if len(part) > 2]


def filled(corners: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool inside of corners (N, 2)."""
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    return mask.astype(bool)
