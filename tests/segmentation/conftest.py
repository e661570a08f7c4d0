"""A network and targets of a few cells."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.structures.batch import InstanceTargets

NUM_CLASSES = 3
NUM_IMAGES = 2
INPUT_SIZE = (32, 64)


@pytest.fixture
def cfg() -> SOLOv2Config:
    """Two levels: 4 x 4 and 2 x 2 cells."""
    return SOLOv2Config(
        num_grids=(4, 2),
        scale_ranges=((1, 16), (12, 64)),
        strides=(8, 8),
        stacked_convs=1,
        channels=8,
        mask_branch_channels=8,
        mask_feature_channels=8,
        norm_groups=2,
    )


@pytest.fixture
def features() -> list[Tensor]:
    """P2..P6 of two images, 6 channels."""
    generator = torch.Generator().manual_seed(0)
    height, width = INPUT_SIZE
    return [
        torch.randn(NUM_IMAGES, 6, -(-height // stride), -(-width // stride), generator=generator)
        for stride in (4, 8, 16, 32, 64)
    ]


@pytest.fixture
def outputs(cfg: SOLOv2Config) -> SOLOv2Outputs:
    """Random outputs with gradients."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).requires_grad_()

    return SOLOv2Outputs(
        grid_kernels=tuple(random(NUM_IMAGES, 8, side, side) for side in cfg.num_grids),
        grid_class_logits=tuple(
            random(NUM_IMAGES, NUM_CLASSES, side, side) for side in cfg.num_grids
        ),
        mask_features=random(NUM_IMAGES, 8, INPUT_SIZE[0] // 4, INPUT_SIZE[1] // 4),
    )


@pytest.fixture
def make_targets() -> Callable[..., InstanceTargets]:
    """Build targets from xyxy boxes in stride-4 cells: each mask fills its box."""

    def make(
        boxes: list[tuple[int, int, int, int]],
        labels: list[int],
        image_index: list[int],
        num_ranked: int = 0,
    ) -> InstanceTargets:
        height, width = INPUT_SIZE[0] // 4, INPUT_SIZE[1] // 4
        masks = torch.zeros(len(boxes), height, width, dtype=torch.uint8)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
            mask[y1:y2, x1:x2] = 1
        generator = torch.Generator().manual_seed(2)
        return InstanceTargets(
            masks=masks,
            boxes=4 * torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
            labels=torch.tensor(labels, dtype=torch.int64),
            image_index=torch.tensor(image_index, dtype=torch.int64),
            ranked_masks=torch.randint(
                0, 2, (len(boxes), num_ranked, height, width), generator=generator
            ).to(torch.uint8),
            ranked_valid=torch.ones(len(boxes), num_ranked, dtype=torch.bool),
        )

    return make
