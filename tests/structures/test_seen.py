"""What batches leave open, against plain loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sapnet.structures.batch import Gaps
from sapnet.structures.seen import (
    SeenObjects,
    are_covered,
    avoided_regions,
    hold_points,
    union_of_images,
)

SIDE = 8


def rectangles(*boxes: tuple[int, int, int, int]) -> Tensor:
    """(N, 8, 8) bool masks of boxes in cells."""
    masks = torch.zeros(len(boxes), SIDE, SIDE, dtype=torch.bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = True
    return masks


def seen(masks: Tensor, images: list[int]) -> SeenObjects:
    index = torch.tensor(images, dtype=torch.int64)
    return SeenObjects(masks, torch.zeros_like(index), index, torch.zeros_like(index))


def gaps(masks: Tensor, images: list[int], num_images: int = 2) -> Gaps:
    index = torch.tensor(images, dtype=torch.int64)
    partial = torch.zeros(num_images, 3, dtype=torch.bool)
    return Gaps(partial, masks.to(torch.uint8), torch.zeros_like(index), index)


def test_points_are_held_by_objects_of_their_own_image() -> None:
    objects = seen(rectangles((0, 0, 3, 3), (0, 0, 3, 3), (4, 4, 8, 8)), [0, 1, 0])
    points = torch.tensor([[11.9, 4.0], [31.9, 31.9]])  # cells (2, 1) and (7, 7)
    held = hold_points(objects, points, torch.tensor([0, 0]))
    assert held.tolist() == [True, False, True]
    assert (
        hold_points(objects, points[:0], torch.zeros(0, dtype=torch.int64)).tolist() == [False] * 3
    )


def test_shares_that_clicked_masks_cover() -> None:
    objects = seen(rectangles((0, 0, 4, 5), (0, 0, 4, 5), (5, 5, 8, 8), (0, 0, 0, 0)), [0, 1, 0, 0])
    # In image 0 two masks together cover 8 of 20 cells, each alone 4; in image 1, 6 of 20.
    clicked = rectangles((0, 0, 4, 1), (0, 1, 4, 2), (0, 0, 2, 3))
    index = torch.tensor([0, 0, 1])
    assert are_covered(objects, clicked, index).tolist() == [True, False, False, True]
    assert are_covered(objects, clicked, index, limit=0.29).tolist() == [True, True, False, True]
    none = torch.zeros(0, dtype=torch.int64)
    assert are_covered(objects, clicked[:0], none).tolist() == [False, False, False, True]
    assert (
        are_covered(objects.select(torch.zeros(4, dtype=torch.bool)), clicked, index).numel() == 0
    )


def test_covered_shares_as_a_plain_loop_finds_them() -> None:
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(30, SIDE, SIDE, generator=generator) < 0.3
    objects = seen(masks, torch.randint(0, 3, (30,), generator=generator).tolist())
    clicked = torch.rand(9, SIDE, SIDE, generator=generator) < 0.15
    index = torch.randint(0, 3, (9,), generator=generator)
    expected = []
    for mask, image in zip(masks, objects.image_index, strict=True):
        cells = [
            any(bool(other[y, x]) for other, at in zip(clicked, index, strict=True) if at == image)
            for y in range(SIDE)
            for x in range(SIDE)
            if mask[y, x]
        ]
        expected.append(sum(cells) > 0.3 * len(cells))
    assert 0 < sum(expected) < 30
    assert are_covered(objects, clicked, index).tolist() == expected


def test_regions_that_no_negative_may_show() -> None:
    left_open = gaps(rectangles((0, 0, 2, 2)), [1])
    objects = seen(rectangles((4, 4, 6, 6), (7, 7, 8, 8)), [1, 0])
    regions, index = left_open.masks, left_open.image_index
    found = avoided_regions(regions, index, 2, objects)
    assert found.shape == (2, SIDE, SIDE)
    assert torch.equal(found[1], rectangles((0, 0, 2, 2))[0] | rectangles((4, 4, 6, 6))[0])
    assert torch.equal(found[0], rectangles((7, 7, 8, 8))[0])
    assert avoided_regions(regions, index, 2, None)[0].sum() == 0
    assert union_of_images(rectangles(), torch.zeros(0, dtype=torch.int64), 2).shape[0] == 2


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Gaps: expected partial \(B, C\) and 1 masks"):
        gaps(rectangles((0, 0, 1, 1), (1, 1, 2, 2)), [0])
