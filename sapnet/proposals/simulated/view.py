"""The surroundings of one clicked object, as the simulated proposer uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sapnet.data.synthetic.contact import touching_pairs
from sapnet.proposals.simulated.true_object import TrueObject
from sapnet.structures.clicks import Click

GROUP_REACH = 0.5
"""Largest gap to an object that joins a group, relative to the clicked object's longest side."""

CROP_MARGIN = 0.4
"""Margin around the object for leaks and displaced outlines, relative to its longest side."""


@dataclass(frozen=True)
class ObjectView:
    """One clicked object and its surroundings, on a crop of its image.

    Attributes:
        part_map: (h, w) uint8, 1 + index of the visible part of the object, 0 elsewhere.
        num_parts: number of visible parts.
        part_pairs: pairs of parts that touch each other, as values of `part_map`.
        partner: (h, w) bool, the neighbor in the object's group; all False without one.
        others: (h, w) bool, pixels of all other objects.
        anchor: (row, column) of the clicked pixel of the object, or of its nearest pixel.
        origin: (top, left) of the crop in the image.
        image_size: (height, width).
    """

    part_map: np.ndarray
    num_parts: int
    part_pairs: tuple[tuple[int, int], ...]
    partner: np.ndarray
    others: np.ndarray
    anchor: tuple[int, int]
    origin: tuple[int, int]
    image_size: tuple[int, int]

    @classmethod
    def of(cls, scene: Mapping[int, TrueObject], click: Click) -> ObjectView:
        """Return the view of the clicked object.

        This is the object that owns the pixel under the click. If the click lies on the background,
        it is the intended object, clicked at its nearest pixel. A real segmenter would rather
        return the background there, so clicks that miss their object cost less here.

        Args:
            scene: all objects of the image by annotation id.
            click: the click, original frame.
        """
        clicked = _under(scene, click)
        partner = _partner(clicked, scene)
        height, width = clicked.part_map.shape
        top, left, bottom, right = _crop_box(clicked, partner)
        window = (slice(max(0, top), min(height, bottom)), slice(max(0, left), min(width, right)))
        part_map = clicked.part_map[window]
        others = np.zeros(part_map.shape, bool)
        for other in scene.values():
            if other is not clicked:
                others |= other.part_map[window] > 0
        origin = (window[0].start, window[1].start)
        return cls(
            part_map=part_map,
            num_parts=clicked.num_parts,
            part_pairs=tuple(touching_pairs(part_map, min_contacts=1)),
            partner=np.zeros_like(others) if partner is None else partner.part_map[window] > 0,
            others=others,
            anchor=_nearest_pixel(part_map, click.point[1] - origin[0], click.point[0] - origin[1]),
            origin=origin,
            image_size=(height, width),
        )

    @property
    def has_group(self) -> bool:
        """True if there is a neighbor for a group."""
        return bool(self.partner.any())

    @property
    def clicked_part(self) -> np.ndarray:
        """The part under the click, (h, w) bool."""
        part: np.ndarray = self.part_map == self.part_map[self.anchor]
        return part

    def to_image(self, crops: np.ndarray) -> np.ndarray:
        """Convert (K, h, w) masks of the crop to (K, H, W) masks of the image."""
        masks = np.zeros((len(crops), *self.image_size), np.uint8)
        (top, left), (height, width) = self.origin, crops.shape[1:]
        masks[:, top : top + height, left : left + width] = crops
        return masks


def _under(scene: Mapping[int, TrueObject], click: Click) -> TrueObject:
    """Return the object at the clicked pixel, the intended one on the background."""
    meant = scene[click.annotation_id]
    x, y = (int(coordinate) for coordinate in click.point)
    candidates = (meant, *scene.values())
    return next((seen for seen in candidates if seen.part_map[y, x] > 0), meant)


def _partner(clicked: TrueObject, scene: Mapping[int, TrueObject]) -> TrueObject | None:
    """Return the partner of a group mask: a touching one of the class, else the nearest."""
    touching = [scene[annotation_id] for annotation_id in clicked.neighbours]
    others = [other for other in scene.values() if other is not clicked]
    reach = GROUP_REACH * _longest_side(clicked)
    candidates = touching or [other for other in others if _gap(clicked, other) <= reach]
    return min(candidates, key=lambda other: _gap(clicked, other), default=None)


def _gap(first: TrueObject, second: TrueObject) -> float:
    """Return the distance between two boxes in pixels, 0 if they overlap."""
    vertical = max(first.box[0], second.box[0]) - min(first.box[2], second.box[2])
    horizontal = max(first.box[1], second.box[1]) - min(first.box[3], second.box[3])
    return float(np.hypot(max(0, vertical), max(0, horizontal)))


def _longest_side(true_object: TrueObject) -> int:
    top, left, bottom, right = true_object.box
    return max(bottom - top, right - left)


def _crop_box(clicked: TrueObject, partner: TrueObject | None) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) around object and partner; may exceed the image."""
    boxes = np.array([clicked.box if other is None else other.box for other in (None, partner)])
    margin = int(np.ceil(CROP_MARGIN * _longest_side(clicked)))
    top, left = (int(edge) - margin for edge in boxes[:, :2].min(axis=0))
    bottom, right = (int(edge) + margin for edge in boxes[:, 2:].max(axis=0))
    return top, left, bottom, right


def _nearest_pixel(part_map: np.ndarray, y: float, x: float) -> tuple[int, int]:
    """Return (row, column) of the object's pixel nearest to (y, x), crop frame."""
    rows, columns = np.nonzero(part_map)
    nearest = int(np.argmin((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2))
    return int(rows[nearest]), int(columns[nearest])
