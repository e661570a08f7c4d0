"""What a segmenter sees of the classes that are not all clicked."""

from __future__ import annotations

import torch

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.open.seeing import see_objects
from sapnet.segmentation.outputs import SOLOv2Outputs

CONFIG = SOLOv2Config(
    num_grids=(3, 2), scale_ranges=((1, 24), (16, 64)), strides=(8, 8), channels=8,
    mask_branch_channels=8, mask_feature_channels=8, norm_groups=4,
)  # fmt: skip


def make_outputs() -> SOLOv2Outputs:
    generator = torch.Generator().manual_seed(3)
    return SOLOv2Outputs(
        tuple(torch.randn(2, 8, side, side, generator=generator) for side in (3, 2)),
        tuple(torch.randn(2, 2, side, side, generator=generator) for side in (3, 2)),
        torch.randn(2, 8, 6, 7, generator=generator),
    )


def test_masks_of_the_cells_above_the_threshold() -> None:
    outputs = make_outputs()
    partial = torch.tensor([[False, True], [True, False]])
    found = see_objects(outputs, partial, CONFIG, threshold=0.5, limit=100)
    expected = set()
    for image, label in ((0, 1), (1, 0)):
        cell = 0
        for level, side in enumerate((3, 2)):
            for row in range(side):
                for column in range(side):
                    if outputs.grid_class_logits[level][image, label, row, column] > 0:
                        kernel = outputs.grid_kernels[level][image, :, row, column]
                        logits = (kernel[:, None, None] * outputs.mask_features[image]).sum(0)
                        area = int((logits > 0).sum())
                        expected.add((image, cell, label, area))
                    cell += 1
    areas = found.masks.flatten(1).sum(1).tolist()
    columns = (found.image_index.tolist(), found.cell_index.tolist(), found.labels.tolist(), areas)
    rows = list(zip(*columns, strict=True))
    assert len(rows) == len(set(rows)) > 3
    assert set(rows) == expected


def test_the_best_cells_of_each_image_within_the_limit() -> None:
    outputs = make_outputs()
    every = see_objects(outputs, torch.ones(2, 2, dtype=torch.bool), CONFIG, 0.3, limit=100)
    few = see_objects(outputs, torch.ones(2, 2, dtype=torch.bool), CONFIG, 0.3, limit=2)
    assert len(every) > 4
    assert few.image_index.tolist() == [0, 0, 1, 1]
    first = every.select(every.image_index == 0)
    assert few.cell_index[:2].tolist() == first.cell_index[:2].tolist()


def test_nothing_is_seen_in_complete_images() -> None:
    found = see_objects(make_outputs(), torch.zeros(2, 2, dtype=torch.bool), CONFIG, 0.0, 10)
    assert len(found) == 0
    assert found.masks.shape == (0, 6, 7)
