import torch
from torch import Tensor

from sapnet.segmentation.config import SOLOv2Config
from sapnet.segmentation.targets import GridTargets, assign_targets

SIZE = (32, 64)


def naive(
    boxes: Tensor, centers_yx: Tensor, image_index: Tensor, num_images: int, cfg: SOLOv2Config
) -> tuple[list[list[int]], list[tuple[int, int, int]]]:
    """Owners and positives, one object and one cell at a time."""
    owner = [[-1] * sum(cfg.cells_per_level) for _ in range(num_images)]
    positives = []
    levels = zip(cfg.num_grids, cfg.scale_ranges, cfg.level_offsets, strict=True)
    for side, (low, high), offset in levels:
        for n, (x1, y1, x2, y2) in enumerate(boxes):
            size = ((x2 - x1) * (y2 - y1)).sqrt()
            if centers_yx[n].isnan().any() or not low <= size <= high:
                continue
            spans = []
            extents = (y2 - y1, x2 - x1)
            for center, extent, length in zip(centers_yx[n], extents, SIZE, strict=True):
                half = 0.5 * extent * cfg.center_region
                cell, first, last = (
                    int(torch.div(value / length, 1 / side, rounding_mode="trunc"))
                    for value in (center, center - half, center + half)
                )
                start = max(0, first, cell - 1)
                spans.append(range(start, min(side - 1, last, cell + 1) + 1))
            for row in spans[0]:
                for column in spans[1]:
                    index = offset + row * side + column
                    owner[image_index[n]][index] = n
                    positives.append((int(image_index[n]), index, n))
    return owner, positives


def positives_of(targets: GridTargets) -> list[tuple[int, int, int]]:
    columns = (targets.image_index, targets.cell_index, targets.object_index)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_equals_a_loop_over_objects_and_cells(cfg: SOLOv2Config) -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(60, 2, generator=generator) * torch.tensor([60.0, 28.0])
    sides = torch.rand(60, 2, generator=generator) * 40
    boxes = torch.cat([corners, corners + sides], dim=1)
    centers_yx = torch.rand(60, 2, generator=generator) * torch.tensor([31.0, 63.0])
    centers_yx[::7] = torch.nan
    image_index = torch.arange(60) // 20
    targets = assign_targets(boxes, centers_yx, image_index, 3, SIZE, cfg)
    owner, positives = naive(boxes, centers_yx, image_index, 3, cfg)
    assert len(positives) > 50
    assert targets.owner.tolist() == owner
    assert positives_of(targets) == positives
    assert targets.num_positive_cells == sum(cell >= 0 for image in owner for cell in image)


def test_a_small_object_claims_its_centre_cell(cfg: SOLOv2Config) -> None:
    # 8 x 8 pixels round (y 12, x 20): cells are 8 pixels high and 16 wide, so row 1, column 1.
    targets = assign_targets(
        torch.tensor([[16.0, 8.0, 24.0, 16.0]]),
        torch.tensor([[12.0, 20.0]]),
        torch.tensor([0]),
        1,
        SIZE,
        cfg,
    )
    assert positives_of(targets) == [(0, 1 * 4 + 1, 0)]


def test_range_limits_are_inclusive(cfg: SOLOv2Config) -> None:
    boxes = torch.tensor([[0.0, 0, 12, 12], [0, 0, 16, 16], [0, 0, 17, 17], [0, 0, 65, 65]])
    centers_yx = torch.full((4, 2), 10.0)
    targets = assign_targets(boxes, centers_yx, torch.zeros(4).long(), 1, SIZE, cfg)
    on_fine = targets.object_index[targets.cell_index < 16].unique()
    on_coarse = targets.object_index[targets.cell_index >= 16].unique()
    assert on_fine.tolist() == [0, 1]
    assert on_coarse.tolist() == [0, 1, 2]


def test_later_objects_own_shared_cells(cfg: SOLOv2Config) -> None:
    boxes = torch.tensor([[16.0, 8.0, 24.0, 16.0]]).repeat(3, 1)
    centers_yx = torch.tensor([[12.0, 20.0]]).repeat(3, 1)
    targets = assign_targets(boxes, centers_yx, torch.tensor([0, 0, 1]), 2, SIZE, cfg)
    assert targets.owner[:, 5].tolist() == [1, 2]
    assert targets.object_index.tolist() == [0, 1, 2]
    assert targets.num_positive_cells == 2
    labels = targets.cell_labels(torch.tensor([2, 0, 1]), 3)
    assert labels[:, 5].tolist() == [0, 1]
    assert (labels == 3).sum() == 2 * 20 - 2


def test_without_objects_all_is_background(cfg: SOLOv2Config) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    targets = assign_targets(torch.zeros(0, 4), torch.zeros(0, 2), none, 2, SIZE, cfg)
    assert positives_of(targets) == []
    assert targets.cell_labels(none, 3).tolist() == [[3] * 20] * 2
    assert targets.num_positive_cells == 0
