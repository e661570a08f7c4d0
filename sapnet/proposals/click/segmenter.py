"""Clicks on an image answered: windows laid, encoded, asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sapnet.proposals.click.candidates import Candidates
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.network import ClickNetwork
from sapnet.proposals.click.prompts import Prompts
from sapnet.proposals.click.windows import GRAY, Pyramid, cut, place_windows, window_matrix
from sapnet.structures.clicks import Click

_SAME_WINDOW = 1e-6  # pixels


@dataclass(frozen=True)
class PreparedImage:
    """Features of an image that all of its clicks share.

    Attributes:
        pyramid: of the image.
        whole: features of the window that shows all of it, per level (1, channels, h, w); as it
            is and, where the segmenter asks so, mirrored.
    """

    pyramid: Pyramid
    whole: tuple[list[Tensor], ...]


@dataclass(frozen=True)
class ClickSegmenter:
    """The network and how it is asked.

    Attributes:
        network: in evaluation mode.
        cfg: windows and choice.
    """

    network: ClickNetwork
    cfg: ClickConfig

    @torch.inference_mode()
    def prepare(self, image: np.ndarray) -> PreparedImage:
        """Encode what does not depend on a click.

        Args:
            image: (H, W, 3) uint8 RGB, upright.
        """
        pyramid = Pyramid(image)
        pixels = self._cut(pyramid, whole_window(pyramid.size)[None])
        return PreparedImage(pyramid, tuple(map(self.network.encode, self._views(pixels))))

    @torch.inference_mode()
    def candidates(self, prepared: PreparedImage, click: Click) -> Candidates:
        """All masks of a click, of every window, not yet chosen from.

        Args:
            prepared: the image.
            click: original frame; its positive and negative points and a known box all count, an
                estimated box does not.
        """
        size = prepared.pyramid.size
        windows, whole = lay_windows(click, size, self.cfg), whole_window(size)
        own = np.abs(windows - whole).max(1) > _SAME_WINDOW
        # The whole image's features stand last; every window that is the whole image reads them.
        prompts = window_prompts(click, windows, np.where(own, np.cumsum(own) - 1, own.sum()))
        sides = np.append(windows[own, 2], whole[2]) / max(size)
        log_sides = torch.from_numpy(np.log(sides)).float()
        views = self._views(self._cut(prepared.pyramid, windows[own]))
        asked = (prompts, prompts.mirrored())[: len(views)]
        answers = [
            self.network(self._features(pixels, shared), log_sides, prompt)
            for pixels, shared, prompt in zip(views, prepared.whole, asked, strict=True)
        ]
        logits = [answer.mask_logits for answer in answers]
        logits[1:] = [mirrored.flip(3) for mirrored in logits[1:]]
        scores = [answer.iou_logits.sigmoid() for answer in answers]
        return Candidates(windows, torch.stack(logits).mean(0), torch.stack(scores).mean(0))

    def _features(self, pixels: Tensor, whole: list[Tensor]) -> list[Tensor]:
        """Features of windows (W, S, S, 3), W may be 0, and after them those of the whole image."""
        if not len(pixels):
            return whole
        encoded = self.network.encode(pixels)
        return [torch.cat(pair) for pair in zip(encoded, whole, strict=True)]

    def _cut(self, pyramid: Pyramid, windows: np.ndarray) -> Tensor:
        """(W, S, S, 3) uint8 pixels of windows."""
        side = self.cfg.window_side
        pixels = np.zeros((len(windows), side, side, 3), np.uint8)
        for place, window in enumerate(windows):
            pixels[place] = cut(pyramid, window_matrix(window, side), side, GRAY)
        return torch.from_numpy(pixels)

    def _views(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The windows as they are and, where the settings say so, mirrored."""
        return (pixels, pixels.flip(2)) if self.cfg.mirror else (pixels,)


def lay_windows(click: Click, image_size: tuple[int, int], cfg: ClickConfig) -> np.ndarray:
    """Lay the windows of a click.

    Windows that do not hold all that is known of the object are left out, and one that just holds
    it is laid beside the others where more than a point is known.

    Args:
        click: original frame.
        image_size: (height, width) of the image.
        cfg: sides of the windows.

    Returns:
        (W, 3) float64 left, top, side in pixels; at least one.
    """
    known = np.array(click.points, np.float64)
    if click.known_box is not None:
        known = np.concatenate([known, np.array(click.known_box, np.float64).reshape(2, 2)])
    low, high = known.min(0), known.max(0)
    extent = float((high - low).max()) * cfg.box_margin
    sides = np.array(cfg.sides) * max(image_size)
    sides = sides[sides >= extent]
    if click.known_box is not None or not len(sides):
        sides = np.append(sides, max(extent, 1.0))
    centers = np.repeat((low + high)[None] / 2, len(sides), axis=0)
    return place_windows(centers, sides, image_size)


def window_prompts(
    click: Click, windows: np.ndarray, features_index: Sequence[int] | np.ndarray
) -> Prompts:
    """Ask about one object in each of some windows.

    Args:
        click: original frame.
        windows: (W, 3) left, top, side.
        features_index: (W,) which features each window has.

    Returns:
        W prompts; negative points outside of a window are left out there.
    """
    count = len(windows)
    points = np.array([*click.points, *click.negative_points], np.float64)
    signs = np.array([1.0] * len(click.points) + [-1.0] * len(click.negative_points))
    corners, sides = windows[:, None, :2], windows[:, None, 2:]
    placed = (points[None] - corners) / sides
    inside = ((placed >= 0) & (placed <= 1)).all(2)
    boxes = np.zeros((count, 4))
    if click.known_box is not None:
        corner_pairs = np.array(click.known_box, np.float64).reshape(1, 2, 2)
        boxes = np.clip((corner_pairs - corners) / sides, 0, 1).reshape(count, 4)
    return Prompts(
        points=torch.from_numpy(placed).float(),
        signs=torch.from_numpy(np.where(inside | (signs > 0), signs, 0.0)).float(),
        boxes=torch.from_numpy(boxes).float(),
        has_box=torch.full((count,), float(click.known_box is not None)),
        window_index=torch.as_tensor(np.asarray(features_index), dtype=torch.int64),
    )


def whole_window(image_size: tuple[int, int]) -> np.ndarray:
    """Lay the smallest square that holds the image, centred on it.

    Args:
        image_size: (height, width).

    Returns:
        (3,) float64 left, top, side.
    """
    height, width = image_size
    center = np.array([[width / 2, height / 2]])
    window: np.ndarray = place_windows(center, np.array([float(max(height, width))]), image_size)[0]
    return window
