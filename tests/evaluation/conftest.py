"""A data set of four objects on two images, its proposals and its labels, as files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from sapnet.data.tiles.grid import Parts
from sapnet.geometry.rle import encode_masks, rle_areas, rle_boxes
from sapnet.store.reader import ProposalStore
from sapnet.structures.clicks import RLE, Category, Click, ImageRecord
from sapnet.structures.proposals import Proposals, StoredObject

HEIGHT, WIDTH = 120, 160


def mask_of_box(x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    """(HEIGHT, WIDTH) bool, a filled box."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def rle_of_box(x1: int, y1: int, x2: int, y2: int) -> RLE:
    return encode_masks(mask_of_box(x1, y1, x2, y2)[None])[0]


def to_json(rle: RLE) -> dict[str, Any]:
    return {"size": rle["size"], "counts": rle["counts"].decode()}


@dataclass(frozen=True)
class FakeStore:
    """What evaluation uses of a proposal store."""

    images: Sequence[ImageRecord]
    objects: Sequence[list[StoredObject]]
    categories: tuple[Category, ...] = (Category(1, "cup"), Category(2, "cat"))
    parts: Parts = field(default_factory=Parts)  # whole images

    @property
    def num_images(self) -> int:
        return len(self.images)

    def numbered_objects(self) -> list[tuple[int, int, int, tuple[float, float]]]:
        clicks = [stored.click for group in self.objects for stored in group]
        return [(c.annotation_id, c.image_id, c.category_id, c.point) for c in clicks]

    def objects_of_image(self, index: int) -> list[StoredObject]:
        return self.objects[index]


def stored_object(
    annotation_id: int, image_id: int, masks: Sequence[np.ndarray], scores: Sequence[float]
) -> StoredObject:
    rles = encode_masks(np.stack(masks)) if masks else ()
    k = len(rles)
    prompts = ("part", "whole scene", "group")[:k]
    proposals = Proposals(rles, rle_boxes(rles), np.array(scores, np.float32), prompts)
    category_id = CATEGORY_OF_OBJECT.get(annotation_id, 1)
    click = Click(annotation_id, image_id, category_id, (CLICKS[annotation_id],))
    return StoredObject(click, proposals, np.zeros((k, 7, 7), np.uint8), np.zeros(k, bool))


GT_BOXES = {11: (10, 10, 30, 30), 12: (40, 10, 80, 60), 13: (0, 0, 100, 100), 14: (5, 5, 25, 25)}
"""Areas 400 (small), 2000 (medium), 10000 (large), 400 (small)."""

IMAGE_OF_OBJECT = {11: 1, 12: 1, 13: 2, 14: 2, 15: 2}
CATEGORY_OF_OBJECT = {11: 1, 12: 2, 13: 1, 14: 1, 15: 1}
CLICKS = {11: (20.5, 20.5), 12: (60.5, 35.5), 13: (90.5, 90.5), 14: (15.5, 15.5)}
"""On their objects; that of 13 is outside of 14, which lies in it."""


@pytest.fixture
def truth_path(tmp_path: Path) -> Path:
    annotations = [
        {
            "id": annotation_id,
            "image_id": IMAGE_OF_OBJECT[annotation_id],
            "category_id": CATEGORY_OF_OBJECT[annotation_id],
            "segmentation": to_json(rle := rle_of_box(*box)),
            "area": int(rle_areas([rle])[0]),
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "iscrowd": 0,
        }
        for annotation_id, box in GT_BOXES.items()
    ]
    crowd = {**annotations[0], "id": 15, "iscrowd": 1, "image_id": 2}
    document = {
        "images": [
            {"id": i, "file_name": f"{i}.png", "height": HEIGHT, "width": WIDTH} for i in (1, 2, 3)
        ],
        "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "cat"}, {"id": 3, "name": "no"}],
        "annotations": [*annotations, crowd],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def write_labels(tmp_path: Path) -> Callable[..., Path]:
    """Writes labels: box by annotation id; optionally extra keys for every annotation."""

    def write(boxes: dict[int, tuple[int, int, int, int]], **extra: object) -> Path:
        document = {
            "images": [
                {"id": i, "file_name": f"{i}.png", "height": HEIGHT, "width": WIDTH} for i in (1, 2)
            ],
            "categories": [{"id": 1, "name": "cup"}, {"id": 2, "name": "cat"}],
            "annotations": [
                {
                    "id": annotation_id,
                    "image_id": IMAGE_OF_OBJECT.get(annotation_id, 1),
                    "category_id": CATEGORY_OF_OBJECT.get(annotation_id, 1),
                    "segmentation": to_json(rle_of_box(*box)),
                    "iscrowd": 0,
                    "score": 0.5,
                    **extra,
                }
                for annotation_id, box in boxes.items()
            ],
        }
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(document))
        return path

    return write


@pytest.fixture
def store() -> ProposalStore:
    """Object 11: own score prefers a half; 12: one exact proposal; 13: none; 14: half and whole."""
    images = [ImageRecord(i, f"{i}.png", WIDTH, HEIGHT) for i in (1, 2)]
    half_11, whole_11 = mask_of_box(10, 10, 20, 30), mask_of_box(10, 10, 30, 30)
    half_14, whole_14 = mask_of_box(5, 5, 25, 15), mask_of_box(5, 5, 25, 25)
    fake = FakeStore(
        images,
        [
            [
                stored_object(11, 1, [half_11, whole_11], [0.9, 0.4]),
                stored_object(12, 1, [mask_of_box(40, 10, 80, 60)], [0.3]),
            ],
            [stored_object(13, 2, [], []), stored_object(14, 2, [half_14, whole_14], [0.2, 0.8])],
        ],
    )
    return cast(ProposalStore, fake)
