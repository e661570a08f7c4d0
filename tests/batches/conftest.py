"""A tiny store for the data sets of training."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sapnet.geometry.crops import crop_masks
from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.structures.clicks import Category, Click, ImageRecord
from sapnet.structures.proposals import Proposals, StoredObject


def stored_object(
    masks: np.ndarray, scores: list[float], annotation_id: int, category_id: int, x: float, y: float
) -> StoredObject:
    """An object of image 5 with these (K, H, W) masks as proposals."""
    rles = encode_masks(masks)
    boxes = rle_boxes(rles)
    return StoredObject(
        click=Click(annotation_id, 5, category_id, ((x, y),)),
        proposals=Proposals(rles, boxes, np.array(scores, np.float32), ("point",) * len(rles)),
        mask_crops=crop_masks(masks, boxes),
        holds_rival=np.arange(len(rles)) % 2 == 1,
    )


@pytest.fixture
def store(tmp_path: Path) -> SimpleNamespace:
    """Two images of 40 x 30 px, the second without objects; what ClickDataset asks of a store.

    The first has objects 1 (category 9, two proposals: a square and the left half; the second has
    the better score) and 2 (category 4, one proposal).
    """
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8)).save(tmp_path / name)
    square, half = np.zeros((2, 30, 40), np.uint8)
    square[10:20, 4:14] = 1
    half[:, :20] = 1
    corner = np.zeros((1, 30, 40), np.uint8)
    corner[0, 20:, 30:] = 1
    objects = [
        stored_object(np.stack([square, half]), [0.25, 0.75], 1, 9, 5.5, 12.5),
        stored_object(corner, [0.5], 2, 4, 35.5, 25.5),
    ]
    return SimpleNamespace(
        folder=tmp_path,
        images=(ImageRecord(5, "a.png", 40, 30), ImageRecord(6, "b.png", 40, 30)),
        categories=(Category(9, "dog"), Category(4, "cat")),
        num_images=2,
        coverage={},
        num_objects_of_image=np.array([2, 0]),
        objects_of_image=lambda index: objects if index == 0 else [],
    )
