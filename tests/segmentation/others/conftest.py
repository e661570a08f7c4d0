"""Two tiny images with a square each, and a small random Mask2Former on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_mask2former import save_small_mask2former

from sapnet.structures.batch import Batch, InstanceTargets

SIDE, FIRST, SQUARE = 64, 8, 28


@pytest.fixture
def squares() -> Batch:
    """Two images of 64 px, dark noise with a bright square: red of class 0, green of class 1."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 60, (2, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    masks, boxes = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8), []
    for index in range(2):
        x, y = FIRST + 8 * index, 12
        inside = (slice(y, y + SQUARE), slice(x, x + SQUARE))
        masks[(index, *inside)] = 1
        images[(index, index, *inside)] = 230
        boxes.append([x, y, x + SQUARE, y + SQUARE])
    targets = make_targets(masks, torch.tensor(boxes).float(), [0, 1], [0, 1])
    sizes = torch.full((2, 2), SIDE)
    return Batch(images, sizes, sizes, torch.arange(2), targets=targets)


def make_targets(
    masks: torch.Tensor, boxes: torch.Tensor, labels: list[int], image_index: list[int]
) -> InstanceTargets:
    count, height, width = masks.shape
    return InstanceTargets(
        masks=masks,
        boxes=boxes,
        labels=torch.tensor(labels, dtype=torch.int64),
        image_index=torch.tensor(image_index, dtype=torch.int64),
        ranked_masks=torch.zeros(count, 0, height, width, dtype=torch.uint8),
        ranked_valid=torch.zeros(count, 0, dtype=torch.bool),
    )


@pytest.fixture
def without_objects(squares: Batch) -> InstanceTargets:
    height, width = squares.images.shape[2:]
    return make_targets(torch.zeros(0, height, width), torch.zeros(0, 4), [], [])


@pytest.fixture(scope="session")
def small_mask2former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `save_pretrained` with a Mask2Former of 0.4 million random parameters."""
    return save_small_mask2former(tmp_path_factory.mktemp("mask2former"), ("cat", "dog", "cow"))
