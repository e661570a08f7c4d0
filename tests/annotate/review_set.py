"""A tiny reviewed data set: two images, three labels, the most uncertain of which is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sapnet.annotate.review.config import ReviewConfig
from sapnet.geometry.rle import encode_masks, rle_boxes, rle_to_json
from sapnet.store.describe import describe_objects, given_proposal
from sapnet.store.manifest import Manifest
from sapnet.store.writer import ProposalWriter
from sapnet.structures.clicks import RLE, Category, Click, ImageRecord
from sapnet.structures.proposals import Proposals

SIZE = (120, 160)
"""Height and width of both images."""

BLOCKS = {1: (20, 20, 60, 60), 2: (100, 70, 140, 110), 3: (50, 30, 110, 90)}
"""x1, y1, x2, y2 of the true objects by id; 1 and 2 lie on the first image."""

COLORS = {1: (230, 30, 30), 2: (30, 30, 230), 3: (30, 220, 30)}
UNCERTAINTY = {1: 0.9, 2: 0.125, 3: 0.5}
IMAGES = {1: (10, "a.png"), 2: (10, "a.png"), 3: (11, "süd/b.png")}
CATEGORIES = (Category(4, "cat"), Category(7, "dog"))


@dataclass(frozen=True)
class ReviewSet:
    """Files of the reviewed set.

    Attributes:
        images: folder of the images.
        store: proposals: of each object its left half and the whole of it.
        labels: of object 1 the left half, of the others the whole.
        corrections: where decisions go; not there yet.
    """

    images: Path
    store: Path
    labels: Path
    corrections: Path

    def config(self, **changes: Any) -> ReviewConfig:  # noqa: ANN401  # fields of the settings
        return ReviewConfig(self.images, self.store, self.labels, self.corrections, **changes)


def rectangle(x1: int, y1: int, x2: int, y2: int) -> RLE:
    mask = np.zeros((1, *SIZE), np.uint8)
    mask[0, y1:y2, x1:x2] = 1
    return encode_masks(mask)[0]


def whole(object_id: int) -> RLE:
    return rectangle(*BLOCKS[object_id])


def left_half(object_id: int) -> RLE:
    x1, y1, x2, y2 = BLOCKS[object_id]
    return rectangle(x1, y1, (x1 + x2) // 2, y2)


def click_of(object_id: int) -> Click:
    x1, y1, x2, y2 = BLOCKS[object_id]
    point = ((3 * x1 + x2) / 4, (y1 + y2) / 2)
    return Click(object_id, IMAGES[object_id][0], 7 if object_id == 2 else 4, (point,))


def make_review_set(folder: Path, given: tuple[int, ...] = ()) -> ReviewSet:
    """Write images, store and labels; the objects of `given` came with their mask."""
    made = ReviewSet(*(folder / n for n in ("images", "store", "labels.json", "corrections.json")))
    for name in {name for _, name in IMAGES.values()}:
        pixels = np.full((*SIZE, 3), 128, np.uint8)
        for object_id, (x1, y1, x2, y2) in BLOCKS.items():
            if IMAGES[object_id][1] == name:
                pixels[y1:y2, x1:x2] = COLORS[object_id]
        path = made.images / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    records = [ImageRecord(i, name, SIZE[1], SIZE[0]) for i, name in sorted(set(IMAGES.values()))]
    manifest = Manifest("file", {}, "abc", CATEGORIES, 2, 3, "2026-01-01T00:00:00+00:00")
    with ProposalWriter(made.store, manifest) as writer:
        for record in records:
            clicks = [click_of(i) for i in BLOCKS if IMAGES[i][0] == record.image_id]
            bags = [
                given_proposal(whole(c.annotation_id)) if c.annotation_id in given else _bag(c)
                for c in clicks
            ]
            writer.add(record, describe_objects(clicks, bags, SIZE))
    made.labels.write_text(json.dumps(_labels(records)), encoding="utf-8")
    return made


def _bag(click: Click) -> Proposals:
    rles = (left_half(click.annotation_id), whole(click.annotation_id))
    return Proposals(rles, rle_boxes(rles), np.float32([0.25, 0.75]), ("point", "point"))


def _labels(records: list[ImageRecord]) -> dict[str, Any]:
    def label(object_id: int) -> dict[str, Any]:
        click = click_of(object_id)
        chosen = 0 if object_id == 1 else 1
        masks = (left_half(object_id), whole(object_id))
        scores = [0.625, 0.5] if object_id == 1 else [0.25, 0.875]
        return {
            "id": object_id,
            "image_id": click.image_id,
            "category_id": click.category_id,
            "segmentation": rle_to_json(masks[chosen]),
            "score": scores[chosen],
            "uncertainty": UNCERTAINTY[object_id],
            "point": list(click.point),
            "candidates": {
                "segmentations": [rle_to_json(mask) for mask in masks],
                "scores": scores,
                "own_scores": [0.25, 0.75],
                "chosen": chosen,
            },
        }

    return {
        "images": [
            {"id": r.image_id, "file_name": r.file_name, "width": r.width, "height": r.height}
            for r in records
        ],
        "categories": [{"id": c.category_id, "name": c.name} for c in CATEGORIES],
        "annotations": [label(object_id) for object_id in BLOCKS],
    }
