"""Measurements of an image that the region proposer takes once, for all clicks.

They are a pyramid of Lab images with a small color code book, three segmentations from fine to
coarse, and the graph and merging tree of the fine segmentation.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from sapnet.proposals.regions.evidence import ImageEvidence
from sapnet.proposals.regions.graph import build_graph, merge_segments

NUM_CODES = 40
"""Colors of the code book; histograms of this length separate an object from its surround."""

CODE_SAMPLES = 4000
"""Number of pixels that the code book is fitted to."""

CODE_ROUNDS = 6
"""Rounds of k-means that fit the code book."""

CODE_SPREAD = 8.0
"""Standard deviation, in Lab units, of the kernel that measures the likeness of two codes."""

TEXTURE_WEIGHT = 1.5
"""Weight of the local contrast of lightness, relative to the three color channels, in a code."""

FINE_SCALE = (20.0, 20)
"""Felzenszwalb's scale and smallest segment, pixels of the working frame."""

COARSE_SCALES = ((60.0, 20), (200.0, 60))
"""Likewise for the middle and coarse segmentation, pixels of the halved working frame."""

SMALLEST_LEVEL = 24
"""The pyramid ends at the level whose long side is below this many pixels."""


def measure_image(image: np.ndarray, working_side: int) -> ImageEvidence:
    """Measure an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        working_side: long side of the frame of the segmentations, pixels; the finest pyramid level
            is twice as large. Smaller images are not enlarged.
    """
    from skimage.color import rgb2lab

    pixels = _pyramid(image, 2 * working_side)
    levels = tuple(rgb2lab(level).astype(np.float32) for level in pixels)
    codes, kernel = _color_codes(levels)
    working = next(
        (i for i, level in enumerate(levels) if max(level.shape[:2]) <= working_side),
        len(levels) - 1,
    )
    segments = _segment(pixels[working], pixels[min(working + 1, len(pixels) - 1)])
    graph = build_graph(levels[working], segments[0])
    return ImageEvidence(
        size=(image.shape[0], image.shape[1]),
        levels=levels,
        codes=codes,
        code_kernel=kernel,
        segments=segments,
        graph=graph,
        parents=merge_segments(graph),
    )


def _pyramid(image: np.ndarray, finest_side: int) -> list[np.ndarray]:
    """Return (h, w, 3) uint8 images of halving size, the finest at most `finest_side` long."""
    height, width = image.shape[:2]
    factor = min(1.0, finest_side / max(height, width))
    picture = Image.fromarray(np.ascontiguousarray(image))
    pictures = [picture]
    if factor < 1.0:
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        pictures = [picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)]
    while max(pictures[-1].size) >= SMALLEST_LEVEL:
        size = (max(1, pictures[-1].width // 2), max(1, pictures[-1].height // 2))
        pictures.append(pictures[-1].resize(size, Image.Resampling.BOX))
    return [np.asarray(level) for level in pictures]


def _color_codes(levels: tuple[np.ndarray, ...]) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the code of every pixel of every level, and the likeness of each two codes."""
    from scipy.ndimage import uniform_filter

    described = []
    for lab in levels:
        light = lab[..., 0]
        mean = uniform_filter(light, 5)
        variance = np.maximum(uniform_filter(light * light, 5) - mean * mean, 0.0)
        texture = TEXTURE_WEIGHT * np.sqrt(variance)
        described.append(np.concatenate([lab, texture[..., None]], axis=2).reshape(-1, 4))
    source = described[min(1, len(described) - 1)]
    samples = source[:: max(1, len(source) // CODE_SAMPLES)].astype(np.float64)
    generator = np.random.default_rng(0)
    start = samples[generator.choice(len(samples), min(NUM_CODES, len(samples)), replace=False)]
    book = start.astype(np.float32)
    for _ in range(CODE_ROUNDS):
        nearest = _nearest(samples.astype(np.float32), book)
        count = np.bincount(nearest, minlength=len(book))
        total = np.stack([np.bincount(nearest, column, len(book)) for column in samples.T], axis=1)
        filled = count > 0  # a code without pixels stays unchanged
        book[filled] = total[filled] / count[filled, None]
    codes = tuple(
        _nearest(values, book).reshape(lab.shape[:2])
        for values, lab in zip(described, levels, strict=True)
    )
    squared = ((book[:, None] - book[None]) ** 2).sum(axis=2)
    kernel = np.exp(-0.5 * squared / CODE_SPREAD**2)
    return codes, (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)


def _nearest(values: np.ndarray, book: np.ndarray) -> np.ndarray:
    """Return the index of the nearest row of `book` for each row of `values`, (M,) int64."""
    return np.asarray(
        np.argmax(values @ (2 * book.T) - (book**2).sum(axis=1), axis=1), dtype=np.int64
    )


def _segment(working: np.ndarray, halved: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return three label maps of the working frame; the coarser two use the halved image."""
    from skimage.segmentation import felzenszwalb

    fine = felzenszwalb(working, scale=FINE_SCALE[0], sigma=0.6, min_size=FINE_SCALE[1])
    height, width = fine.shape
    rows = np.arange(height) * halved.shape[0] // height
    columns = np.arange(width) * halved.shape[1] // width
    coarser = [
        felzenszwalb(halved, scale=scale, sigma=0.6, min_size=smallest)[rows[:, None], columns]
        for scale, smallest in COARSE_SCALES
    ]
    return tuple(labels.astype(np.int64) for labels in (fine, *coarser))
