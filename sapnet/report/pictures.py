"""Encoding and resizing of pictures for the page."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

JPEG_QUALITY = 80


def encode_jpeg(image: np.ndarray) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG."""
    file = BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=JPEG_QUALITY, optimize=True)
    return file.getvalue()


def scaled_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Return (width, height) scaled so that the longer side equals `side`."""
    scale = side / max(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an (H, W, 3) uint8 image to (width, height) `size`."""
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def resize_masks(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (K, H, W) 0/1 masks to (width, height) `size`; returns (K, height, width) bool."""
    if len(masks) == 0:
        return np.zeros((0, size[1], size[0]), bool)
    pictures = [Image.fromarray(mask * np.uint8(255)) for mask in masks]
    return np.stack([np.asarray(p.resize(size, Image.Resampling.BILINEAR)) > 127 for p in pictures])
