"""Inputs of both sides: one image to segment, and a batch to learn from."""

from __future__ import annotations

import torch
from torch.nn import functional

IMAGE_SIZE, PADDED_SIZE, ORIGINAL_SIZE = (800, 1067), (800, 1088), (480, 640)
"""Sizes of a 4:3 photograph of COCO at the usual test size, (height, width)."""

TRAIN_SIZE, BATCH_SIZE, NUM_OBJECTS = (512, 672), 2, 10
NUM_CLASSES, MASK_STRIDE = 80, 4
NUM_CANDIDATES = 300
"""Pairs of cell and class that pass the score threshold."""

CANDIDATES = (30, 100, 300, 1000)
"""Numbers of such pairs for timing post-processing alone."""


def make_inputs() -> dict[str, torch.Tensor]:
    """Make the inputs, from a fixed seed.

    Objects are ellipses of 32 to 256 px made of the grid's 4 x 4 blocks. The centre of a mask and
    its stride-4 target then do not depend on the resolution at which they are computed.
    """
    generator = torch.Generator().manual_seed(0)
    image = structured_noise(1, PADDED_SIZE, generator)[0]
    image[:, :, IMAGE_SIZE[1] :] = 0
    count = BATCH_SIZE * NUM_OBJECTS
    masks = ellipses(count, generator)
    return {
        "image": image,
        "image_size": torch.tensor(IMAGE_SIZE),
        "original_size": torch.tensor(ORIGINAL_SIZE),
        "num_candidates": torch.tensor(NUM_CANDIDATES),
        "candidates": torch.tensor(CANDIDATES),
        "train_images": structured_noise(BATCH_SIZE, TRAIN_SIZE, generator),
        "masks": masks,
        "boxes": tight_boxes(masks),
        "labels": torch.randint(0, NUM_CLASSES, (count,), generator=generator),
        "image_index": torch.arange(BATCH_SIZE).repeat_interleave(NUM_OBJECTS),
    }


def structured_noise(count: int, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Draw blobs of many sizes, so that places differ: (count, 3, *size) uint8."""
    image = torch.zeros(count, 3, *size)
    for cells in (4, 16, 64, 256):
        coarse = torch.randn(count, 3, cells, cells, generator=generator)
        image += functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return (128 + 40 * image).clamp(0, 255).to(torch.uint8)


def ellipses(count: int, generator: torch.Generator) -> torch.Tensor:
    """Draw ellipses made of 4 x 4 blocks, none empty: (count, *TRAIN_SIZE) uint8."""
    height, width = (side // MASK_STRIDE for side in TRAIN_SIZE)
    radii = 4 + 28 * torch.rand(count, 2, 1, 1, generator=generator)
    frame = torch.tensor([height, width]).view(2, 1, 1)
    centers = radii + torch.rand(count, 2, 1, 1, generator=generator) * (frame - 2 * radii)
    y = (torch.arange(height).view(1, -1, 1) + 0.5 - centers[:, 0]) / radii[:, 0]
    x = (torch.arange(width).view(1, 1, -1) + 0.5 - centers[:, 1]) / radii[:, 1]
    inside = (y.square() + x.square() <= 1).to(torch.uint8)
    return inside.repeat_interleave(MASK_STRIDE, 1).repeat_interleave(MASK_STRIDE, 2)


def tight_boxes(masks: torch.Tensor) -> torch.Tensor:
    """Return the tight boxes of masks: (N, 4) float32, xyxy pixel edges."""
    boxes = []
    for mask in masks:
        y, x = torch.nonzero(mask, as_tuple=True)
        boxes.append(torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]))
    return torch.stack(boxes).float()
