"""Variation of how training windows look: colours, sharpness, noise."""

from __future__ import annotations

from itertools import permutations

import cv2
import numpy as np

from sapnet.teaching.config import LookConfig

_ORDERS = tuple(permutations(range(3)))


def vary_look(pixels: np.ndarray, cfg: LookConfig, rng: np.random.Generator) -> np.ndarray:
    """Change colours always, and now and then swap them, invert, blur or add noise.

    Images of other fields (microscopes, drones, thermal cameras) have other colours and less
    detail than photographs; masks do not change with them.

    Args:
        pixels: (S, S, 3) uint8.
        cfg: strength of the changes and how often each of them is made.
        rng: source of randomness.

    Returns:
        (S, S, 3) uint8.
    """
    is_gray, is_swapped, is_inverted, is_blurred, is_noisy = rng.random(5) < cfg.shares
    pixels = vary_colour(pixels, cfg.strength, is_gray, rng)
    if is_swapped:
        pixels = pixels[..., _ORDERS[rng.integers(len(_ORDERS))]]
    if is_inverted:
        pixels = 255 - pixels
    if is_blurred:
        pixels = reduce_detail(pixels, float(np.exp(rng.uniform(0, np.log(cfg.max_reduction)))))
    if is_noisy:
        deviation = rng.uniform(0, cfg.max_noise)
        noisy = pixels + rng.normal(0, deviation, pixels.shape).astype(np.float32)
        pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def vary_colour(
    pixels: np.ndarray, strength: float, is_gray: bool, rng: np.random.Generator
) -> np.ndarray:
    """Change brightness, contrast and saturation.

    Args:
        pixels: (S, S, 3) uint8.
        strength: largest relative change.
        is_gray: leave no colour.
        rng: source of randomness.

    Returns:
        (S, S, 3) uint8.
    """
    brightness, contrast, saturation = 1 + rng.uniform(-strength, strength, 3)
    if is_gray:
        saturation = 0.0
    gain = brightness * contrast
    mixing = gain * (saturation * np.eye(3) + (1 - saturation) / 3)
    offset = brightness * (1 - contrast) * np.mean(cv2.mean(pixels)[:3])
    changed: np.ndarray = cv2.transform(pixels, np.column_stack([mixing, np.full(3, offset)]))
    return changed


def reduce_detail(pixels: np.ndarray, reduction: float) -> np.ndarray:
    """Show a square window as if its image had fewer pixels.

    Args:
        pixels: (S, S, 3) uint8.
        reduction: factor >= 1 between the pixels of both.

    Returns:
        (S, S, 3) uint8.
    """
    side = pixels.shape[0]
    few = max(round(side / reduction), 1)
    small = cv2.resize(pixels, (few, few), interpolation=cv2.INTER_AREA)
    again: np.ndarray = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    return again
