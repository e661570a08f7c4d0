"""Clicks and boxes as the network reads them: maps over the cells of a window."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEAR, WIDE = 0.03, 0.25
"""Reach of the two maps of a click, as shares of the window's side."""

BOX_REACH = 2.0
"""Farthest position relative to a box that is told apart, in half sides from its centre."""

MAP_CHANNELS = 10


@dataclass(frozen=True)
class Prompts:
    """N prompts; positions are shares of the window's side, (x, y).

    Attributes:
        points: (N, Q, 2) float32 clicks; the first one of each is positive.
        signs: (N, Q) float32, 1 for a click on the object, -1 for one off it, 0 for padding.
        boxes: (N, 4) float32 xyxy; zeros where there is none.
        has_box: (N,) float32, 1 where there is a box, else 0.
        window_index: (N,) int64, the window that each prompt asks about.
    """

    points: Tensor
    signs: Tensor
    boxes: Tensor
    has_box: Tensor
    window_index: Tensor

    def __post_init__(self) -> None:
        n, q = self.signs.shape
        expected = {
            "points": (n, q, 2),
            "boxes": (n, 4),
            "has_box": (n,),
            "window_index": (n,),
        }
        for name, shape in expected.items():
            found = tuple(getattr(self, name).shape)
            if found != shape:
                raise ValueError(f"Prompts.{name}: expected shape {shape}, found {found}")

    def __len__(self) -> int:
        return self.signs.shape[0]

    def take(self, index: Tensor) -> Prompts:
        """Some of the prompts, by their places (M,)."""
        return Prompts(
            points=self.points[index],
            signs=self.signs[index],
            boxes=self.boxes[index],
            has_box=self.has_box[index],
            window_index=self.window_index[index],
        )

    def to(self, device: torch.device) -> Prompts:
        """The same on a device."""
        return Prompts(
            points=self.points.to(device),
            signs=self.signs.to(device),
            boxes=self.boxes.to(device),
            has_box=self.has_box.to(device),
            window_index=self.window_index.to(device),
        )

    def mirrored(self) -> Prompts:
        """The same prompts on windows whose left and right are exchanged."""
        return Prompts(
            points=torch.stack([1 - self.points[:, :, 0], self.points[:, :, 1]], dim=2),
            signs=self.signs,
            boxes=torch.stack(
                [
                    1 - self.boxes[:, 2],
                    self.boxes[:, 1],
                    1 - self.boxes[:, 0],
                    self.boxes[:, 3],
                ],
                dim=1,
            ),
            has_box=self.has_box,
            window_index=self.window_index,
        )


def prompt_maps(prompts: Prompts, height: int, width: int) -> Tensor:
    """Paint prompts on the cells of a window.

    Args:
        prompts: N prompts.
        height: of the map in cells.
        width: of the map in cells.

    Returns:
        (N, MAP_CHANNELS, height, width) float32: offset to the first click (x, y), nearness to the
        positive clicks (near, wide), to the negative ones (near, wide), inside of the box, whether
        there is a box, position relative to the box (x, y).
    """
    cells = _cell_centers(height, width, prompts.points)
    offsets = 2 * (cells - prompts.points[:, :1, None])[:, 0].transpose(1, 2)
    positive = _nearness(cells, prompts, 1.0)
    negative = _nearness(cells, prompts, -1.0)
    maps = torch.cat([offsets, positive, negative, _box_maps(cells[0, 0], prompts)], dim=1)
    return maps.reshape(len(prompts), MAP_CHANNELS, height, width)


def positive_mean(values: Tensor, signs: Tensor) -> Tensor:
    """Mean of what was read at the positive clicks.

    Args:
        values: (N, Q, D).
        signs: (N, Q) of `Prompts`.

    Returns:
        (N, D).
    """
    weights = (signs > 0).to(values.dtype)
    total = torch.einsum("nqd,nq->nd", values, weights)
    return total / weights.sum(1, keepdim=True).clamp(min=1)


def _cell_centers(height: int, width: int, like: Tensor) -> Tensor:
    """(1, 1, height * width, 2) x, y of the cells' centres."""
    y = (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) / height
    x = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) / width
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns.flatten(), rows.flatten()], dim=1)[None, None]


def _nearness(cells: Tensor, prompts: Prompts, sign: float) -> Tensor:
    """(N, 2, cells) in [0, 1], the nearness to the nearest click of a sign; 0 without one."""
    away = (cells - prompts.points[:, :, None]).square().sum(3)  # (N, Q, cells)
    counts = (prompts.signs == sign)[:, :, None]
    nearest = away.masked_fill(~counts, torch.inf).amin(1)
    return torch.stack([(-nearest / (2 * NEAR**2)).exp(), (-nearest.sqrt() / WIDE).exp()], dim=1)


def _box_maps(cells: Tensor, prompts: Prompts) -> Tensor:
    """(N, 4, cells): inside, whether there is a box, position in half sides (x, y)."""
    center = (prompts.boxes[:, :2] + prompts.boxes[:, 2:]) / 2
    half = ((prompts.boxes[:, 2:] - prompts.boxes[:, :2]) / 2).clamp(min=1e-3)
    place = ((cells - center[:, None]) / half[:, None]).clamp(-BOX_REACH, BOX_REACH)
    inside = (place.abs().amax(2) <= 1).to(place.dtype)
    maps = torch.stack([inside, torch.ones_like(inside), *place.unbind(2)], dim=1)
    return maps * prompts.has_box[:, None, None]
