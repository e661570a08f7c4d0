"""Cells that learn nothing, against plain loops."""

from __future__ import annotations

from dataclasses import replace

import torch
from torchvision.ops import sigmoid_focal_loss

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.losses import grid_class_loss
from sapnet.segmentation.outputs import SOLOv2Outputs, flatten_cells
from sapnet.segmentation.partial.cells import (
    cells_of_seen,
    ignored_cells,
    mask_boxes,
    touched_cells,
    with_left_out,
)
from sapnet.segmentation.targets import NO_OBJECT, GridTargets, assign_targets
from sapnet.structures.batch import Gaps
from sapnet.structures.seen import SeenObjects

CONFIG = SOLOv2Config(
    num_grids=(5, 3),
    scale_ranges=((1, 24), (16, 64)),
    strides=(8, 8),
    channels=8,
    mask_branch_channels=8,
    mask_feature_channels=8,
    norm_groups=4,
)
CELLS = 5 * 5 + 3 * 3
SIDE = 12  # cells of the stride-4 grid


def test_touched_cells_as_a_plain_loop_finds_them() -> None:
    generator = torch.Generator().manual_seed(0)
    masks = (torch.rand(6, SIDE, SIDE, generator=generator) < 0.06).to(torch.uint8)
    found = touched_cells(masks, CONFIG.grids)
    assert found.shape == (6, CELLS)
    for mask, row in zip(masks, found, strict=True):
        expected = []
        for side in CONFIG.grids:
            for r in range(side):
                for c in range(side):
                    # A stride-4 pixel [y, y + 1) overlaps the cell [r, r + 1) * SIDE / side.
                    hit = any(
                        mask[y, x]
                        for y in range(SIDE)
                        for x in range(SIDE)
                        if y < (r + 1) * SIDE / side
                        and y + 1 > r * SIDE / side
                        and x < (c + 1) * SIDE / side
                        and x + 1 > c * SIDE / side
                    )
                    expected.append(hit)
        assert row.tolist() == expected


def make_gaps(num_images: int = 2, num_classes: int = 3) -> Gaps:
    masks = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    masks[0, 0, 0] = 1
    partial = torch.zeros(num_images, num_classes, dtype=torch.bool)
    return Gaps(partial, masks, torch.tensor([2]), torch.tensor([1]))


def test_an_ignored_region_is_of_its_image_and_class() -> None:
    found = ignored_cells(make_gaps(), CONFIG)
    assert torch.nonzero(found).tolist() == [[1, 0, 2], [1, 25, 2]]  # first cell of both levels
    none = replace(
        make_gaps(), masks=torch.zeros(0, SIDE, SIDE, dtype=torch.uint8),
        labels=torch.zeros(0, dtype=torch.int64), image_index=torch.zeros(0, dtype=torch.int64),
    )  # fmt: skip
    assert not ignored_cells(none, CONFIG).any()


def test_boxes_of_masks() -> None:
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.bool)
    masks[0, 3:5, 7:11] = True
    assert mask_boxes(masks).tolist() == [[7, 3, 11, 5], [0, 0, 0, 0]]
    assert mask_boxes(masks[:0]).shape == (0, 4)


def test_a_seen_object_opens_its_cell_and_those_that_would_learn_it() -> None:
    mask = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    mask[0, 4:8, 4:8] = True  # 16 px at the middle: both levels
    one = torch.tensor([1])
    seen = SeenObjects(mask, one, torch.tensor([0]), torch.tensor([3]))
    center = torch.tensor([[23.5, 23.5]])
    found = cells_of_seen(seen, center, (2, CELLS, 3), (48, 48), CONFIG)
    as_clicked = assign_targets(
        torch.tensor([[16.0, 16, 32, 32]]), torch.tensor([[23.5, 23.5]]), torch.tensor([0]), 2,
        (48, 48), CONFIG,
    )  # fmt: skip
    expected = as_clicked.owner != NO_OBJECT
    expected[0, 3] = True
    assert expected.sum() >= 3  # a cell of each level, and the one that sees it
    assert torch.equal(found[..., 1], expected)
    assert not found[..., [0, 2]].any()


def test_a_cell_that_has_an_object_goes_on_learning_its_class() -> None:
    owner = torch.full((1, CELLS), NO_OBJECT)
    owner[0, 4] = 0
    index = torch.tensor([0])
    targets = GridTargets(owner, index, torch.tensor([4]), index)
    left_out = torch.ones(1, CELLS, 3, dtype=torch.bool)
    kept = with_left_out(targets, torch.tensor([1]), left_out).left_out
    assert kept is not None
    assert torch.nonzero(~kept).tolist() == [[0, 4, 1]]
    assert left_out.all()  # the argument is as it was


def test_the_class_loss_is_the_sum_over_the_other_cells() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = tuple(torch.randn(2, 3, side, side, generator=generator) for side in CONFIG.grids)
    kernels = tuple(torch.zeros(2, 8, side, side) for side in CONFIG.grids)
    outputs = SOLOv2Outputs(kernels, logits, torch.zeros(2, 8, SIDE, SIDE))
    owner = torch.full((2, CELLS), NO_OBJECT)
    owner[0, 7], owner[1, 30] = 0, 1
    targets = GridTargets(owner, torch.tensor([0, 1]), torch.tensor([7, 30]), torch.tensor([0, 1]))
    labels = torch.tensor([2, 0])
    left_out = torch.rand(2, CELLS, 3, generator=generator) < 0.4
    found = grid_class_loss(outputs, labels, replace(targets, left_out=left_out), CONFIG)
    flat = flatten_cells(logits)
    expected = torch.zeros(())
    for image, cell, label in torch.nonzero(~left_out).tolist():
        target = torch.tensor(float((image, cell, label) in {(0, 7, 2), (1, 30, 0)}))
        expected = expected + sigmoid_focal_loss(flat[image, cell, label], target, 0.25, 2)
    torch.testing.assert_close(found, expected)
    nothing = torch.zeros_like(left_out)
    torch.testing.assert_close(
        grid_class_loss(outputs, labels, replace(targets, left_out=nothing), CONFIG),
        grid_class_loss(outputs, labels, targets, CONFIG),
    )
