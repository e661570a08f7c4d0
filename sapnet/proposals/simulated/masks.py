"""Imprecise masks of the simulated proposer: parts, unions, wholes, groups and leaks."""

from __future__ import annotations

import numpy as np

from sapnet.proposals.simulated.view import ObjectView

FIELD_CELLS = 5
"""Independent displacements along each side of the crop; smooth in between."""

SHRINK = (0.6, 0.8)
"""Size of an eroded part, relative to the part."""

BLOB_RADIUS = (0.45, 0.75)
"""Radii of a leak's background blob, relative to the square root of the mask's area."""

BLOB_INWARD = 0.25
"""Position of the blob's center between the mask's outline (0) and the middle of its box (1)."""

UNION_LEAKS = 0.25
"""Share of the leaks that start from a union of parts instead of the whole."""

FADE_RADIUS = 0.15
"""Distance from the click at which displacement starts, relative to the square root of the area:
no segmenter is wrong at the very point of the prompt."""


def draw_masks(
    view: ObjectView, kinds: list[str], boundary_error: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw imprecise masks of the given kinds.

    Args:
        view: the object.
        kinds: K of "part", "eroded", "union", "whole", "group", "leak"; a union needs three parts.
        boundary_error: typical displacement of the outlines, see `SimulatedConfig`.
        rng: random generator of the object.

    Returns:
        (K, h, w) bool on the view's crop. No mask is empty: all contain the clicked pixel.
    """
    exact = np.stack([_exact_mask(view, kind, rng) for kind in kinds])
    shrink = np.where([kind == "eroded" for kind in kinds], rng.uniform(*SHRINK, len(kinds)), 1.0)
    return displace(exact, view.anchor, boundary_error, shrink.astype(np.float32), rng)


def displace(
    masks: np.ndarray,
    anchor: tuple[int, int],
    boundary_error: float,
    shrink: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Displace the outlines of masks smoothly; the anchor pixel does not change.

    Args:
        masks: (K, h, w) bool.
        anchor: (row, column) of the fixed pixel.
        boundary_error: displacement relative to a mask's area over the length of its outline.
        shrink: (K,) size of the result relative to the mask, about the anchor, at most 1.
        rng: random generator of the displacements.

    Returns:
        (K, h, w) bool.
    """
    num_masks, height, width = masks.shape
    area = np.count_nonzero(masks, axis=(1, 2)).astype(np.float32)
    steps = np.count_nonzero(masks[:, 1:] != masks[:, :-1], axis=(1, 2)) + np.count_nonzero(
        masks[:, :, 1:] != masks[:, :, :-1], axis=(1, 2)
    )
    # Steps between pixels overstate the length of slanted outlines by 4 / pi.
    amplitude = boundary_error * area / np.maximum(1.0, np.pi / 4 * steps)
    rows = np.arange(height, dtype=np.float32)[:, None] - anchor[0]
    columns = np.arange(width, dtype=np.float32)[None, :] - anchor[1]
    spread = -0.5 / (FADE_RADIUS**2 * area + 1)
    fade = 1 - np.exp((rows**2 + columns**2) * spread[:, None, None])  # (K, h, w)
    fade *= amplitude[:, None, None].astype(np.float32)
    shifts = _smooth_fields((2, num_masks), (height, width), rng)
    zoom = 1 / shrink[:, None, None]
    source_y = _to_pixels(rows * zoom + fade * shifts[0], anchor[0])
    source_x = _to_pixels(columns * zoom + fade * shifts[1], anchor[1])
    moved = masks[
        np.arange(num_masks)[:, None, None],
        source_y.clip(0, height - 1),
        source_x.clip(0, width - 1),
    ]
    inside = (source_y >= 0) & (source_y < height) & (source_x >= 0) & (source_x < width)
    # A mask that the image's border cuts continues behind it, but a shrunken one must not.
    displaced: np.ndarray = moved & (inside | (zoom <= 1))
    return displaced


def _exact_mask(view: ObjectView, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return the precise mask of a kind, (h, w) bool."""
    whole: np.ndarray = view.part_map > 0
    match kind:
        case "part" | "eroded":
            mask = view.clicked_part
        case "union":
            mask = _union(view, rng)
        case "whole":
            mask = whole
        case "group":
            mask = whole | view.partner
        case "leak":
            from_union = view.num_parts >= 3 and rng.random() < UNION_LEAKS
            source = _union(view, rng) if from_union else whole
            mask = source | (_blob(source, rng) & ~view.others & ~whole)
        case _:
            raise ValueError(f"unknown kind of simulated mask: {kind!r}")
    return mask


def _union(view: ObjectView, rng: np.random.Generator) -> np.ndarray:
    """Return the clicked part and 1 to P - 2 others that touch one another, (h, w) bool."""
    pairs = view.part_pairs
    chosen = {int(view.part_map[view.anchor])}
    for _ in range(int(rng.integers(1, view.num_parts - 1))):
        next_to = sorted(
            {b for a, b in pairs if a in chosen} | {a for a, b in pairs if b in chosen} - chosen
        )
        # If occlusion has cut the object into pieces, any other part may join.
        rest = next_to or sorted(set(range(1, view.num_parts + 1)) - chosen)
        chosen.add(int(rng.choice(rest)))
    return np.isin(view.part_map, sorted(chosen))


def _blob(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an ellipse at a random place of the mask's outline, (h, w) bool."""
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


def _smooth_fields(
    count: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Return smooth random fields of about unit variance, (*count, h, w) float32."""
    cells = rng.standard_normal((*count, FIELD_CELLS, FIELD_CELLS), np.float32)
    down, across = (_interpolation(side) for side in size)
    fields: np.ndarray = down @ cells @ across.T
    return fields


def _interpolation(side: int) -> np.ndarray:
    """Return weights from cells to pixels, (side, FIELD_CELLS) float32: Gaussian bumps.

    They are normalized by the root of the sum of squares, so that the field's variance is 1
    everywhere.
    """
    pixels = np.linspace(0, FIELD_CELLS - 1, side, dtype=np.float32)
    bumps = np.exp(-((pixels[:, None] - np.arange(FIELD_CELLS, dtype=np.float32)) ** 2))
    weights: np.ndarray = bumps / np.linalg.norm(bumps, axis=1, keepdims=True)
    return weights


def _to_pixels(offset: np.ndarray, anchor: int) -> np.ndarray:
    """Return the index of the nearest pixel at an offset from the anchor."""
    pixels: np.ndarray = np.rint(offset).astype(np.int32) + np.int32(anchor)
    return pixels
