"""The masks of the simulated proposer: parts, unions, wholes, groups and leaks, imprecise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sapnet.data.synthetic.contact import touching_pairs
from sapnet.proposals.simulated_parts import TrueObject
from sapnet.structures import Click

GROUP_REACH = 0.5
"""Largest gap to an object that is taken into a group, relative to the object's longest side."""

CROP_MARGIN = 0.4
"""Room round the object for leaks and displaced outlines, relative to its longest side."""

FIELD_CELLS = 5
"""Independent displacements along each side of the crop; smooth in between."""

SHRINK = (0.6, 0.8)
"""Size of an eroded part, relative to the part."""

BLOB_RADIUS = (0.45, 0.75)
"""Radii of a leak's background blob, relative to the square root of the mask's area."""

BLOB_INWARD = 0.25
"""How far the blob's centre lies from the mask's outline towards the middle of its box."""

UNION_LEAKS = 0.25
"""Share of the leaks that start from a union of parts instead of the whole."""


@dataclass(frozen=True)
class Jitter:
    """How imprecise the masks are.

    Attributes:
        boundary_error: typical displacement of the outline, see `SimulatedConfig`.
        rng: of the object.
    """

    boundary_error: float
    rng: np.random.Generator


@dataclass(frozen=True)
class ObjectView:
    """What there is to see round one clicked object, on a crop of its image.

    Attributes:
        part_map: (h, w) uint8, 1 + index of the visible part of the object, 0 elsewhere.
        num_parts: visible parts.
        partner: (h, w) bool, the neighbour of the object's group; all False without one.
        others: (h, w) bool, pixels of all other objects.
        anchor: (row, column) of the object's pixel that was clicked, or of the nearest one.
        origin: (top, left) of the crop in the image.
        image_size: (height, width).
    """

    part_map: np.ndarray
    num_parts: int
    partner: np.ndarray
    others: np.ndarray
    anchor: tuple[int, int]
    origin: tuple[int, int]
    image_size: tuple[int, int]

    @classmethod
    def of(cls, scene: Mapping[int, TrueObject], click: Click) -> ObjectView:
        """The view of the clicked object.

        Args:
            scene: all objects of the image by annotation id.
            click: the click, original frame.
        """
        clicked = scene[click.annotation_id]
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
            partner=np.zeros_like(others) if partner is None else partner.part_map[window] > 0,
            others=others,
            anchor=_nearest_pixel(part_map, click.point[1] - origin[0], click.point[0] - origin[1]),
            origin=origin,
            image_size=(height, width),
        )

    @property
    def has_group(self) -> bool:
        """Whether there is a neighbour to be taken in."""
        return bool(self.partner.any())

    @property
    def clicked_part(self) -> np.ndarray:
        """(h, w) bool, the part under the click."""
        return self.part_map == self.part_map[self.anchor]

    def to_image(self, crops: np.ndarray) -> np.ndarray:
        """(K, h, w) masks of the crop as (K, H, W) masks of the image."""
        masks = np.zeros((len(crops), *self.image_size), np.uint8)
        (top, left), (height, width) = self.origin, crops.shape[1:]
        masks[:, top : top + height, left : left + width] = crops
        return masks


def draw_candidate(view: ObjectView, kind: str, jitter: Jitter) -> np.ndarray:
    """One imprecise mask.

    Args:
        view: the object.
        kind: "part", "eroded", "union", "whole", "group" or "leak"; a union needs three parts.
        jitter: how imprecise.

    Returns:
        (h, w) bool on the view's crop, never empty: the clicked pixel of the object is always in.
    """
    whole = view.part_map > 0
    match kind:
        case "part":
            return _displace(view.clicked_part, view.anchor, jitter)
        case "eroded":
            shrink = float(jitter.rng.uniform(*SHRINK))
            return _displace(view.clicked_part, view.anchor, jitter, shrink)
        case "union":
            return _displace(_union(view, jitter.rng), view.anchor, jitter)
        case "whole":
            return _displace(whole, view.anchor, jitter)
        case "group":
            return _displace(whole | view.partner, view.anchor, jitter)
        case "leak":
            from_union = view.num_parts >= 3 and jitter.rng.random() < UNION_LEAKS
            source = _union(view, jitter.rng) if from_union else whole
            leaked = source | (_blob(source, jitter.rng) & ~view.others & ~(whole & ~source))
            return _displace(leaked, view.anchor, jitter)
        case _:
            raise ValueError(f"unknown kind of simulated mask: {kind!r}")


def _partner(clicked: TrueObject, scene: Mapping[int, TrueObject]) -> TrueObject | None:
    """The object a group mask takes in: a touching one of the class, else the nearest one."""
    touching = [scene[annotation_id] for annotation_id in clicked.neighbours]
    others = [other for other in scene.values() if other is not clicked]
    reach = GROUP_REACH * _longest_side(clicked)
    candidates = touching or [other for other in others if _gap(clicked, other) <= reach]
    return min(candidates, key=lambda other: _gap(clicked, other), default=None)


def _gap(first: TrueObject, second: TrueObject) -> float:
    """Pixels between two boxes; 0 where they overlap."""
    vertical = max(first.box[0], second.box[0]) - min(first.box[2], second.box[2])
    horizontal = max(first.box[1], second.box[1]) - min(first.box[3], second.box[3])
    return float(np.hypot(max(0, vertical), max(0, horizontal)))


def _longest_side(true_object: TrueObject) -> int:
    top, left, bottom, right = true_object.box
    return max(bottom - top, right - left)


def _crop_box(clicked: TrueObject, partner: TrueObject | None) -> tuple[int, int, int, int]:
    """(top, left, bottom, right) round the object and its partner; may exceed the image."""
    boxes = np.array([clicked.box if other is None else other.box for other in (None, partner)])
    margin = int(np.ceil(CROP_MARGIN * _longest_side(clicked)))
    top, left = (int(edge) - margin for edge in boxes[:, :2].min(axis=0))
    bottom, right = (int(edge) + margin for edge in boxes[:, 2:].max(axis=0))
    return top, left, bottom, right


def _nearest_pixel(part_map: np.ndarray, y: float, x: float) -> tuple[int, int]:
    """(row, column) of the object's pixel whose centre is nearest to (y, x), crop frame."""
    rows, columns = np.nonzero(part_map)
    nearest = int(np.argmin((rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2))
    return int(rows[nearest]), int(columns[nearest])


def _union(view: ObjectView, rng: np.random.Generator) -> np.ndarray:
    """(h, w) bool, the clicked part and 1 .. P - 2 others, grown from neighbour to neighbour."""
    pairs = touching_pairs(view.part_map, min_contacts=1)
    chosen = {int(view.part_map[view.anchor])}
    for _ in range(int(rng.integers(1, view.num_parts - 1))):
        next_to = sorted(
            {b for a, b in pairs if a in chosen} | {a for a, b in pairs if b in chosen} - chosen
        )
        # Where occlusion has cut the object in pieces, any other part may join.
        rest = next_to or sorted(set(range(1, view.num_parts + 1)) - chosen)
        chosen.add(int(rng.choice(rest)))
    return np.isin(view.part_map, sorted(chosen))


def _blob(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(h, w) bool ellipse over a random place of the mask's outline."""
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1] = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    rows, columns = np.nonzero(mask & ~inner)
    index = int(rng.integers(len(rows)))
    center_y = rows[index] + BLOB_INWARD * ((rows.min() + rows.max()) / 2 - rows[index])
    center_x = columns[index] + BLOB_INWARD * ((columns.min() + columns.max()) / 2 - columns[index])
    radius_y, radius_x = rng.uniform(*BLOB_RADIUS, 2) * np.sqrt(np.count_nonzero(mask))
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    ellipse: np.ndarray = ((y - center_y) / radius_y) ** 2 + ((x - center_x) / radius_x) ** 2 <= 1
    return ellipse


def _displace(
    mask: np.ndarray, anchor: tuple[int, int], jitter: Jitter, shrink: float = 1.0
) -> np.ndarray:
    """The mask with its outline smoothly displaced; the anchor pixel stays as it is.

    Args:
        mask: (h, w) bool.
        anchor: (row, column) of the fixed pixel.
        jitter: how far.
        shrink: size of the result relative to the mask, about the anchor.
    """
    height, width = mask.shape
    area = np.count_nonzero(mask)
    # Steps between pixels overstate the length of slanted outlines by 4 / pi.
    outline = (
        np.pi
        / 4
        * (np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1]))
    )
    amplitude = jitter.boundary_error * area / max(1.0, outline)
    rows = np.arange(height, dtype=np.float32)[:, None] - anchor[0]
    columns = np.arange(width, dtype=np.float32)[None, :] - anchor[1]
    # Displacement fades out towards the click: no segmenter errs at the very point it is shown.
    fade = amplitude * (1 - np.exp(-(rows**2 + columns**2) / (0.04 * area + 1)))
    shift_y, shift_x = (fade * _smooth_normal((height, width), jitter.rng) for _ in range(2))
    source_y = np.rint(rows / shrink + anchor[0] + shift_y).astype(np.int64)
    source_x = np.rint(columns / shrink + anchor[1] + shift_x).astype(np.int64)
    inside = (source_y >= 0) & (source_y < height) & (source_x >= 0) & (source_x < width)
    moved = mask[source_y.clip(0, height - 1), source_x.clip(0, width - 1)]
    # A mask that is cut by the image border goes on behind it; only shrinking looks beyond.
    return moved & inside if shrink < 1 else moved


def _smooth_normal(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """(h, w) float32 smooth field of about unit variance."""
    grid = rng.standard_normal((FIELD_CELLS, FIELD_CELLS), np.float32)
    height, width = size
    resized = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)
