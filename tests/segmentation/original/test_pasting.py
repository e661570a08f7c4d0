from __future__ import annotations

import pytest
import torch
from torchvision.models.detection.roi_heads import project_masks_on_boxes

from sapnet.segmentation.original.pasting import paste_masks


def ellipse(size: tuple[int, int], box: tuple[float, float, float, float]) -> torch.Tensor:
    y, x = torch.meshgrid(*(torch.arange(side) + 0.5 for side in size), indexing="ij")
    x1, y1, x2, y2 = box
    return ((2 * x - x1 - x2) / (x2 - x1)) ** 2 + ((2 * y - y1 - y2) / (y2 - y1)) ** 2 <= 1


def iou(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("box", [(5.0, 7.0, 19.0, 25.0), (10.0, 3.0, 60.0, 38.0)])
def test_undoes_how_torchvision_cuts_masks_out(box: tuple[float, float, float, float]) -> None:
    mask, boxes = ellipse((48, 64), box), torch.tensor([box])
    cut = project_masks_on_boxes(mask[None].float(), boxes, torch.tensor([0]), 28)
    pasted = paste_masks(cut, boxes, (48, 64), (48, 64), 0.5)
    assert pasted.shape == (1, 48, 64)
    assert iou(pasted[0], mask) > 0.98
    # Half a pixel off loses more.
    shifted = paste_masks(cut, boxes + 0.5, (48, 64), (48, 64), 0.5)
    assert iou(shifted[0], mask) < iou(pasted[0], mask)


def test_resizes_to_the_original_frame() -> None:
    box = (6.0, 4.0, 26.0, 20.0)
    cut = project_masks_on_boxes(
        ellipse((32, 40), box)[None].float(), torch.tensor([box]), torch.tensor([0]), 28
    )
    pasted = paste_masks(cut, torch.tensor([box]), (32, 40), (96, 120), 0.5)
    assert iou(pasted[0], ellipse((96, 120), (18.0, 12.0, 78.0, 60.0))) > 0.95


def test_boxes_at_the_edge_and_none() -> None:
    full = torch.ones(1, 28, 28)
    pasted = paste_masks(full, torch.tensor([[-4.0, -4.0, 30.0, 12.0]]), (24, 24), (24, 24), 0.5)
    assert pasted[0, :12].all()
    assert not pasted[0, 12:].any()
    assert paste_masks(full[:0], torch.zeros(0, 4), (24, 24), (9, 7), 0.5).shape == (0, 9, 7)
    assert not paste_masks(full, torch.tensor([[3.0, 3.0, 3.0, 3.0]]), (8, 8), (8, 8), 0.5).any()
