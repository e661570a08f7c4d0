"""All masks of a click, each on the cells of its window, and how they overlap."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Candidates:
    """The masks of W windows, M each.

    Attributes:
        windows: (W, 3) float64 left, top, side in pixels of the image.
        logits: (W, M, h, w) float32; positive is foreground.
        scores: (W, M) float32 in [0, 1], the IoU that the network expects.
    """

    windows: np.ndarray
    logits: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return self.scores.numel()

    @property
    def window_index(self) -> np.ndarray:
        """(W * M,) int64, the window of each mask, in the order of the flattened scores."""
        return np.arange(len(self)) // self.scores.shape[1]


def candidate_areas(candidates: Candidates) -> Tensor:
    """Pixels of the image that each mask covers.

    Returns:
        (W * M,) float64.
    """
    sides = torch.from_numpy(candidates.windows[:, 2])
    shares = (candidates.logits > 0).double().mean((2, 3))
    return (shares * sides[:, None].square()).flatten()


def candidate_overlaps(candidates: Candidates) -> Tensor:
    """IoU of all pairs of masks, measured on the cells of the smaller one's window.

    Args:
        candidates: W windows of M masks.

    Returns:
        (W * M, W * M) float64 in [0, 1]; 0 for pairs of empty masks, themselves included.
    """
    windows = torch.from_numpy(candidates.windows)
    w, m = candidates.scores.shape
    height, width = candidates.logits.shape[-2:]
    own = (candidates.logits > 0).float().flatten(2)  # (W, M, cells)
    # Every window's masks, seen on the cells of every window.
    seen = F.grid_sample(
        candidates.logits.repeat(w, 1, 1, 1),
        _cells_in_each(windows, height, width).flatten(0, 1).float(),
        align_corners=False,
    )
    seen = (seen > 0).float().reshape(w, w * m, height * width)
    shared = torch.bmm(own, seen.transpose(1, 2)).double() / (height * width)
    shared = (shared * windows[:, 2, None, None].square()).reshape(w * m, w * m)
    sides = windows[:, 2].repeat_interleave(m)
    shared = torch.where(sides[:, None] <= sides[None], shared, shared.T)
    shared = (shared + shared.T) / 2  # windows of one side see each other through their own cells
    areas = candidate_areas(candidates)
    union = areas[:, None] + areas[None] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-9), 0.0).clamp(0, 1)


def paste(candidates: Candidates, index: int, image_size: tuple[int, int]) -> np.ndarray:
    """One mask at the resolution of the image.

    Args:
        candidates: of a click.
        index: of the mask, in the order of the flattened scores.
        image_size: (height, width).

    Returns:
        (H, W) bool.
    """
    row, column = divmod(index, candidates.scores.shape[1])
    left, top, side = candidates.windows[row]
    logits = candidates.logits[row, column].numpy()
    x1, y1 = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    x2 = min(int(np.ceil(left + side)), image_size[1])
    y2 = min(int(np.ceil(top + side)), image_size[0])
    mask = np.zeros(image_size, bool)
    if x2 <= x1 or y2 <= y1:
        return mask
    scale = logits.shape[0] / side
    # From pixel centres of the cut-out to centres of cells.
    shift = [(x1 + 0.5 - left) * scale - 0.5, (y1 + 0.5 - top) * scale - 0.5]
    values = cv2.warpAffine(
        logits,
        np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]),
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mask[y1:y2, x1:x2] = values > 0
    return mask


def _cells_in_each(windows: Tensor, height: int, width: int) -> Tensor:
    """(W, W, h, w, 2): cells of the first window in the frame, -1 to 1, of the second."""
    x = (torch.arange(width, dtype=windows.dtype) + 0.5) / width
    y = (torch.arange(height, dtype=windows.dtype) + 0.5) / height
    left, top, side = windows.unbind(1)
    xs = left[:, None] + x * side[:, None]  # (W, w) pixels of the image
    ys = top[:, None] + y * side[:, None]
    across = 2 * (xs[:, None] - left[None, :, None]) / side[None, :, None] - 1  # (W, W, w)
    down = 2 * (ys[:, None] - top[None, :, None]) / side[None, :, None] - 1
    shape = (len(windows), len(windows), height, width)
    return torch.stack([across[:, :, None].expand(shape), down[:, :, :, None].expand(shape)], dim=4)
