"""Geometric augmentation: one view moves image, boxes, points, masks and crops together.

A view says how an image enters the network: resized with its aspect kept, perhaps mirrored,
padded on the right and bottom. It is drawn once per image; everything else here is a pure function
of the view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from sapnet.batches.config import AugmentConfig
from sapnet.batches.sample import View
from sapnet.geometry.boxes import flip_boxes, scale_boxes
from sapnet.geometry.masks import downsample_masks
from sapnet.structures.clicks import RLE
from sapnet.structures.grids import MASK_STRIDE


def resized_size(
    original_size: tuple[int, int], short_side: int, max_long_side: int
) -> tuple[int, int]:
    """Compute the size of an image scaled to a short side, with a limit on the long side.

    Args:
        original_size: (height, width) in pixels.
        short_side: wanted length of the shorter side.
        max_long_side: limit of the longer side.

    Returns:
        (height, width), at least 1 px each, half pixels rounded up.
    """
    factor = float(resize_factor(*original_size, short_side, max_long_side))
    height, width = (max(1, math.floor(side * factor + 0.5)) for side in original_size)
    return height, width


def resize_factor(
    height: float | np.ndarray, width: float | np.ndarray, short_side: int, max_long_side: int
) -> np.ndarray:
    """Compute the factor that images are scaled by, before sides become whole pixels.

    Args:
        height: pixels, of one image or an array of them.
        width: likewise.
        short_side: wanted length of the shorter side.
        max_long_side: limit of the longer side.
    """
    factor: np.ndarray = np.minimum(
        short_side / np.minimum(height, width), max_long_side / np.maximum(height, width)
    )
    return factor


def evaluation_view(original_size: tuple[int, int], cfg: AugmentConfig) -> View:
    """Return the view without chance: the largest short side, no flip, original colors.

    Args:
        original_size: (height, width) of the upright file.
        cfg: sizes.

    Returns:
        The view.
    """
    return _view(original_size, max(cfg.short_sides), cfg)


def sample_view(
    original_size: tuple[int, int], cfg: AugmentConfig, rng: np.random.Generator
) -> View:
    """Draw a view for training.

    Args:
        original_size: (height, width) of the upright file.
        cfg: range of the variation.
        rng: source of randomness; the same state gives the same view.

    Returns:
        The view.
    """
    short_side = int(rng.choice(cfg.short_sides))
    flip = bool(rng.random() < cfg.flip_probability)
    brightness, contrast, saturation = rng.uniform(
        1 - cfg.color_jitter, 1 + cfg.color_jitter, size=3
    ).tolist()
    return _view(
        original_size, short_side, cfg, flip=flip, color_factors=(brightness, contrast, saturation)
    )


def view_image(image: np.ndarray, view: View) -> Tensor:
    """Apply a view to an image, padding included.

    Args:
        image: (H0, W0, 3) uint8 RGB, original frame.
        view: the view to apply.

    Returns:
        (3, H, W) uint8, padded with zeros on the right and bottom.

    Raises:
        ValueError: if the image has another size than the view was made for.
    """
    height, width = view.input_size
    padded = torch.zeros(3, *view.padded_size, dtype=torch.uint8)
    padded[:, :height, :width] = view_content(image, view)
    return padded


def view_content(image: np.ndarray, view: View) -> Tensor:
    """Apply a view to an image, without padding.

    Args:
        image: (H0, W0, 3) uint8 RGB, original frame.
        view: the view to apply.

    Returns:
        (3, *view.input_size) uint8, usually with the channels last in memory.

    Raises:
        ValueError: if the image has another size than the view was made for.
    """
    if image.shape[:2] != view.original_size:
        raise ValueError(
            f"expected an image of (height, width) {view.original_size}, found {image.shape[:2]}"
        )
    # torch warns of arrays that may not be written to, such as those of Pillow.
    stored = torch.from_numpy(np.require(image, requirements="W")).permute(2, 0, 1)
    pixels: Tensor = transforms.resize(stored, list(view.input_size), antialias=True)
    if view.flip:
        pixels = transforms.horizontal_flip(pixels)
    brightness, contrast, saturation = view.color_factors
    if brightness != 1:
        pixels = transforms.adjust_brightness(pixels, brightness)
    if contrast != 1:
        pixels = transforms.adjust_contrast(pixels, contrast)
    if saturation != 1:
        pixels = transforms.adjust_saturation(pixels, saturation)
    return pixels


def view_boxes(boxes: Tensor, view: View) -> Tensor:
    """Bring boxes to the input frame.

    Args:
        boxes: (..., 4) xyxy, original frame.
        view: the view to apply.

    Returns:
        (..., 4) xyxy, input frame.
    """
    scaled = scale_boxes(boxes, view.scale)
    return flip_boxes(scaled, view.input_size[1]) if view.flip else scaled


def view_points(points: Tensor, view: View) -> Tensor:
    """Bring points to the input frame.

    Args:
        points: (..., 2) x, y, original frame.
        view: the view to apply.

    Returns:
        (..., 2) x, y, input frame.
    """
    x, y = (points * view.scale.to(points)).unbind(-1)
    return torch.stack([view.input_size[1] - x if view.flip else x, y], -1)


def view_masks(rles: Sequence[RLE], view: View, stride: int = MASK_STRIDE) -> Tensor:
    """Bring masks to a grid of the padded input.

    They are mirrored before they are put on the grid: cells then cover the same pixels of the
    mirrored image as ever, also where the input's width is not a multiple of the stride.

    Args:
        rles: K run lengths, original frame.
        view: the view to apply.
        stride: input pixels per cell, 1 or an even number.

    Returns:
        (K, h, w) uint8 0/1; padding is 0.
    """
    grid_size = view.grid_size(stride)
    return torch.from_numpy(
        downsample_masks(rles, view.input_size, grid_size, flip=view.flip, stride=stride)
    )


def view_crops(mask_crops: Tensor, view: View) -> Tensor:
    """Apply a view to mask crops: resizing does not change them, a flip mirrors them.

    Args:
        mask_crops: (..., 7, 7) the mask inside its box.
        view: the view to apply.

    Returns:
        (..., 7, 7).
    """
    return mask_crops.flip(-1) if view.flip else mask_crops


def _view(
    original_size: tuple[int, int],
    short_side: int,
    cfg: AugmentConfig,
    *,
    flip: bool = False,
    color_factors: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> View:
    input_size = resized_size(original_size, short_side, cfg.max_long_side)
    height, width = (math.ceil(side / cfg.pad_divisor) * cfg.pad_divisor for side in input_size)
    return View(original_size, input_size, (height, width), flip, color_factors)
