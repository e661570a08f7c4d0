from collections.abc import Callable

import pytest
import torch

from sapnet.structures.batch import Bags

SIZE = 128  # input frame of the tiny batches, pixels
GRID = SIZE // 4


def random_bags(
    num_objects: int, num_proposals: int, num_images: int = 2, num_classes: int = 3, seed: int = 0
) -> Bags:
    """Bags of random boxes near their points; objects after the first miss some proposals."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    shape = (num_objects, num_proposals)
    points = 20 + uniform(num_objects, 2) * (SIZE - 40)
    half = 4 + uniform(*shape, 2) * 20
    boxes = torch.cat([points[:, None] - half, points[:, None] + half], -1).clamp(0, SIZE)
    valid = uniform(*shape) < 0.7
    valid[:, :1] = True
    valid[:1] = True
    return Bags(
        boxes=boxes * valid[..., None],
        valid=valid,
        mask_crops=uniform(*shape, 7, 7),
        holds_rival=(uniform(*shape) < 0.3) & valid,
        box_iou=torch.ones(shape),
        own_scores=uniform(*shape) * valid,
        masks=(uniform(*shape, GRID, GRID) < 0.5).to(torch.uint8),
        labels=torch.randint(num_classes, (num_objects,), generator=generator),
        points=points,
        image_index=(torch.arange(num_objects) * num_images) // max(num_objects, 1),
        annotation_ids=torch.arange(num_objects),
    )


@pytest.fixture
def make_bags() -> Callable[..., Bags]:
    return random_bags


@pytest.fixture
def make_features() -> Callable[..., list[torch.Tensor]]:
    """Five pyramid levels of a (SIZE, SIZE) input."""

    def make(num_images: int = 2, channels: int = 4, seed: int = 0) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        sides = [SIZE // stride for stride in (4, 8, 16, 32, 64)]
        return [torch.randn(num_images, channels, s, s, generator=generator) for s in sides]

    return make
