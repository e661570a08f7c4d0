"""Agreement of masks with the known clicks and the known box of the object."""

from __future__ import annotations

import torch
from torch import Tensor

from sapnet.proposals.click.candidates import Candidates
from sapnet.structures.clicks import Click


def prompt_fit(candidates: Candidates, click: Click) -> Tensor:
    """Judge masks by the prompts that they answer.

    Args:
        candidates: M masks in all.
        click: what was asked, original frame.

    Returns:
        (M,) float64 in [0, 1]: the share of the positive clicks that a mask holds and of the
        negative ones that it leaves out, times the IoU of its box with a known box (an estimated
        one does not count).
    """
    windows = torch.from_numpy(candidates.windows)
    masks = candidates.logits > 0
    held = [_holds(masks, windows, point) for point in click.points]
    left_out = [~_holds(masks, windows, point) for point in click.negative_points]
    fit = torch.stack([*held, *left_out]).double().mean(0)
    if click.known_box is not None:
        fit = fit * _box_iou(_mask_boxes(masks, windows), torch.tensor(click.known_box).double())
    return fit.flatten()


def _holds(masks: Tensor, windows: Tensor, point: tuple[float, float]) -> Tensor:
    """(W, M) bool, whether the cell of a point is the mask's; nothing is off its window."""
    height, width = masks.shape[-2:]
    shares = (torch.tensor(point).double() - windows[:, :2]) / windows[:, 2:]
    inside = ((shares >= 0) & (shares < 1)).all(1)
    columns = (shares[:, 0] * width).long().clamp(0, width - 1)
    rows = (shares[:, 1] * height).long().clamp(0, height - 1)
    return masks[torch.arange(len(windows)), :, rows, columns] & inside[:, None]


def _mask_boxes(masks: Tensor, windows: Tensor) -> Tensor:
    """Return the box of the cells of each mask, (W, M, 4) float64 xyxy, pixels of the image."""
    corners = []
    for start, cells in zip(windows[:, :2].T, (masks.any(2), masks.any(3)), strict=True):
        step = windows[:, 2, None] / cells.shape[2]
        first = cells.long().argmax(2)
        last = cells.shape[2] - cells.flip(2).long().argmax(2)
        corners.append((start[:, None] + first * step, start[:, None] + last * step))
    (left, right), (top, bottom) = corners
    boxes = torch.stack([left, top, right, bottom], dim=2)
    return torch.where(masks.any(3).any(2)[:, :, None], boxes, 0.0)


def _box_iou(boxes: Tensor, box: Tensor) -> Tensor:
    """(W, M) IoU of boxes (W, M, 4) with one box (4,)."""
    low, high = torch.maximum(boxes[..., :2], box[:2]), torch.minimum(boxes[..., 2:], box[2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (box[2:] - box[:2]).prod()
    return shared / (areas - shared).clamp(min=1e-9)
