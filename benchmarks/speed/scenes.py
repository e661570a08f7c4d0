"""Generated photographs and objects of COCO's size, for benchmarks of speed.

They agree with COCO in all that matters for the time: JPEG files of some 160 kB, and masks of some
430 characters of run lengths that cover 7 % of the image on average. This is like the objects above
1,024 px of COCO val2017 at 640 x 480 px.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.structures.clicks import Category, Click, ClickSet, ImageRecord
from sapnet.structures.proposals import Proposals, StoredObject

HEIGHT, WIDTH = 480, 640
CATEGORIES = tuple(Category(i, f"class {i}") for i in range(1, 81))

_SMALLEST, _LARGEST = 40, 340  # square roots of an object's area, pixels
_SCALES = (0.5, 0.7, 0.9, 1.0, 1.05, 1.3)  # of proposals about an object: parts, itself, leaks


def draw_photograph(rng: np.random.Generator) -> np.ndarray:
    """Draw noise at all scales that compresses as photographs do: (480, 640, 3) uint8."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for level in range(8):
        side = 2**level
        noise = rng.normal(size=(max(3 * side // 4, 1), side, 3)).astype(np.float32)
        channels = [
            np.asarray(Image.fromarray(noise[..., c]).resize((WIDTH, HEIGHT), Image.BICUBIC))
            for c in range(3)
        ]
        image += np.stack(channels, -1) / 1.5**level
    image += 0.35 * rng.normal(size=(HEIGHT, WIDTH, 1)).astype(np.float32)  # grain
    return np.asarray(np.clip(128 + 40 * image, 0, 255), np.uint8)


def draw_object(rng: np.random.Generator, num_proposals: int = 6) -> tuple[Click, Proposals]:
    """Draw an object with a wobbly outline, and proposals: parts, the object, and leaks.

    Args:
        rng: source of place, size and outline.
        num_proposals: K.

    Returns:
        A click at the object's middle (all ids are 0), and the proposals.
    """
    radius = np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))) / np.sqrt(np.pi)
    y, x = rng.uniform(0.1, 0.9) * HEIGHT, rng.uniform(0.1, 0.9) * WIDTH
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    angle = np.arctan2(rows + 0.5 - y, columns + 0.5 - x)
    orders = np.arange(2, 60)
    waves = rng.normal(size=len(orders)) / orders**1.0
    turned = np.linspace(-np.pi, np.pi, 721)
    outline = 1 + 0.2 * (waves[:, None] * np.cos(np.outer(orders, turned))).sum(0)
    reach = np.interp(angle, turned, np.clip(outline, 0.2, None))
    distance = np.hypot(rows + 0.5 - y, columns + 0.5 - x) / (radius * reach)
    factors = np.resize(_SCALES, num_proposals) * rng.uniform(0.95, 1.05, num_proposals)
    masks = distance[None] < factors[:, None, None]
    masks[:, int(y), int(x)] = True
    rles = encode_masks(masks)
    scores = rng.uniform(0.5, 1.0, num_proposals).astype(np.float32)
    proposals = Proposals(rles, rle_boxes(rles), scores, ("point",) * num_proposals)
    return Click(0, 0, 1, ((x, y),)), proposals


def write_photographs(folder: Path, count: int, seed: int = 0) -> list[ImageRecord]:
    """Write JPEG files and return their records, with ids from 0."""
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for image_id in range(count):
        record = ImageRecord(image_id, f"{image_id:012d}.jpg", WIDTH, HEIGHT)
        photograph = draw_photograph(np.random.default_rng([seed, image_id]))
        Image.fromarray(photograph).save(folder / record.file_name, quality=92)
        records.append(record)
    return records


def draw_pool(size: int, num_proposals: int = 6, seed: int = 0) -> list[tuple[Click, Proposals]]:
    """Draw objects to choose from, as drawing each one anew would take too long."""
    return [draw_object(np.random.default_rng([seed, i]), num_proposals) for i in range(size)]


def stored_objects(
    pool: list[tuple[Click, Proposals]], first_id: int, image_id: int, places: np.ndarray
) -> Iterator[StoredObject]:
    """Yield objects of one image from the pool, with ids and categories of their own."""
    for offset, place in enumerate(places.tolist()):
        click, proposals = pool[place]
        k = len(proposals)
        yield StoredObject(
            click=Click(first_id + offset, image_id, 1 + place % len(CATEGORIES), click.points),
            proposals=proposals,
            mask_crops=np.full((k, 7, 7), 255, np.uint8),
            holds_rival=np.zeros(k, bool),
        )


def click_set(records: list[ImageRecord], objects_per_image: int, seed: int = 0) -> ClickSet:
    """Draw clicks at random places, the same number on each image."""
    rng = np.random.default_rng(seed)
    clicks = [
        Click(
            record.image_id * objects_per_image + n,
            record.image_id,
            int(rng.integers(1, len(CATEGORIES) + 1)),
            ((float(rng.uniform(0, WIDTH)), float(rng.uniform(0, HEIGHT))),),
        )
        for record in records
        for n in range(objects_per_image)
    ]
    return ClickSet(tuple(records), CATEGORIES, tuple(clicks))
