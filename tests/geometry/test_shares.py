"""Shares of boxes that regions cover, against a plain loop over cells."""

from __future__ import annotations

import torch

from sapnet.geometry.shares import region_shares


def slow_share(box: list[float], region: torch.Tensor) -> float:
    """Share of the cells whose middle lies in the box; of the cell at its middle if none does."""
    height, width = region.shape
    x1, y1, x2, y2 = box
    columns = [i for i in range(-20, width + 20) if x1 <= 4 * i + 2 <= x2]
    rows = [i for i in range(-20, height + 20) if y1 <= 4 * i + 2 <= y2]
    columns = columns or [int((x1 + x2) // 8)]
    rows = rows or [int((y1 + y2) // 8)]
    inside = [(r, c) for r in rows for c in columns if 0 <= r < height and 0 <= c < width]
    return sum(float(region[r, c]) for r, c in inside) / max(len(inside), 1)


def test_shares_as_a_plain_loop_finds_them() -> None:
    generator = torch.Generator().manual_seed(0)
    regions = torch.rand(3, 9, 12, generator=generator) < 0.4
    starts = torch.rand(200, 2, generator=generator) * 60 - 8
    sides = torch.rand(200, 2, generator=generator) * 30
    sides[::4] = torch.rand(50, 2, generator=generator) * 3  # thinner than a cell
    boxes = torch.cat([starts, starts + sides], 1)
    images = torch.randint(0, 3, (200,), generator=generator)
    found = region_shares(boxes, regions, images)
    expected = [
        slow_share(box, regions[image])
        for box, image in zip(boxes.tolist(), images.tolist(), strict=True)
    ]
    torch.testing.assert_close(found, torch.tensor(expected))
    assert found.max() == 1


def test_no_boxes() -> None:
    none = region_shares(
        torch.zeros(0, 4), torch.zeros(1, 4, 4, dtype=torch.bool), torch.zeros(0, dtype=torch.int64)
    )
    assert none.shape == (0,)


def test_a_box_outside_the_grid_is_not_covered() -> None:
    everything = torch.ones(1, 4, 4, dtype=torch.bool)
    boxes = torch.tensor([[-40.0, -40, -20, -20], [30, 30, 50, 50], [0, 0, 16, 16]])
    assert region_shares(boxes, everything, torch.zeros(3, dtype=torch.int64)).tolist() == [0, 0, 1]
