"""What a segmenter sees of the classes that are not all clicked."""

from __future__ import annotations

import torch

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.outputs import SOLOv2Outputs
from sapnet.segmentation.partial.seeing import scores_at, see_objects

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
    found = see_objects(outputs, partial, CONFIG, torch.tensor([0.5, 0.7]), limit=100)
    bounds = torch.tensor([0.5, 0.7]).logit()
    expected = set()
    for image, label in ((0, 1), (1, 0)):
        cell = 0
        for level, side in enumerate((3, 2)):
            for row in range(side):
                for column in range(side):
                    if outputs.grid_class_logits[level][image, label, row, column] > bounds[label]:
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
    every = see_objects(
        outputs, torch.ones(2, 2, dtype=torch.bool), CONFIG, torch.full((2,), 0.3), limit=100
    )
    few = see_objects(
        outputs, torch.ones(2, 2, dtype=torch.bool), CONFIG, torch.full((2,), 0.3), limit=2
    )
    assert len(every) > 4
    assert few.image_index.tolist() == [0, 0, 1, 1]
    first = every.select(every.image_index == 0)
    assert few.cell_index[:2].tolist() == first.cell_index[:2].tolist()


def test_scores_at_points_by_hand() -> None:
    outputs = make_outputs()  # 28 px wide, 24 px high; grids of 3 x 3 and 2 x 2
    points = torch.tensor([[27.9, 0.0], [10.0, 13.0], [14.5, 7.9]])
    found = scores_at(outputs, points, torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1]))
    fine, coarse = (logits.sigmoid() for logits in outputs.grid_class_logits)
    expected = [
        max(fine[1, 0, 0, 2], coarse[1, 0, 0, 1]),
        max(fine[0, 1, 1, 1], coarse[0, 1, 1, 0]),
        max(fine[1, 1, 0, 1], coarse[1, 1, 0, 1]),
    ]
    torch.testing.assert_close(found, torch.stack(expected))
    none = torch.zeros(0, dtype=torch.int64)
    assert scores_at(outputs, points[:0], none, none).shape == (0,)


def test_nothing_is_seen_in_complete_images() -> None:
    found = see_objects(
        make_outputs(), torch.zeros(2, 2, dtype=torch.bool), CONFIG, torch.zeros(2), 10
    )
    assert len(found) == 0
    assert found.masks.shape == (0, 6, 7)
