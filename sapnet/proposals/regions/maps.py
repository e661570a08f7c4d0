"""Maps of the object in each window, computed stage by stage by logistic models."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from sapnet.proposals.regions.evidence import (
    FAR,
    MASS_FLOOR,
    STATIC_FEATURES,
    WINDOW_CELLS,
    Windows,
)

DYNAMIC_FEATURES = (
    "color_ratio",
    "fine_share",
    "middle_share",
    "coarse_share",
    "moments",
    "neighbours",
    "map",
)
"""Features of a cell that are computed from the previous map of the object."""


def dynamic_features(windows: Windows, maps: np.ndarray, code_kernel: np.ndarray) -> np.ndarray:
    """Compute the features of each cell from a map of the object.

    Args:
        windows: A windows.
        maps: (A, G, G) float32 in [0, 1], 0 outside the image.
        code_kernel: (40, 40) float32 likeness of two color codes.

    Returns:
        (7, A, G, G) float32, `DYNAMIC_FEATURES`.
    """
    shares = [2 * _region_mean(maps, windows.inside, labels) - 1 for labels in windows.segments]
    return np.stack(
        [
            _color_ratio(windows, maps, code_kernel),
            *shares,
            _moment_distance(maps),
            2 * uniform_filter(maps, (0, 5, 5)) - 1,
            2 * maps - 1,
        ]
    ).astype(np.float32)


def _color_ratio(windows: Windows, maps: np.ndarray, code_kernel: np.ndarray) -> np.ndarray:
    """Return the log ratio of the code's shares of foreground and background, (A, G, G)."""
    a, k = len(maps), len(code_kernel)
    slots = (windows.codes + np.arange(a)[:, None, None] * k).ravel()
    front = np.bincount(slots, maps.ravel(), a * k).reshape(a, k)
    whole = np.bincount(slots, windows.inside.ravel(), a * k).reshape(a, k)
    back = np.maximum(whole - front, 0.0)
    front, back = front @ code_kernel, back @ code_kernel
    front = front / np.maximum(front.sum(axis=1, keepdims=True), 1e-6) + MASS_FLOOR
    back = back / np.maximum(back.sum(axis=1, keepdims=True), 1e-6) + MASS_FLOOR
    ratio = np.clip(np.log(front / back), -FAR, FAR)
    return np.asarray(ratio.ravel()[slots].reshape(maps.shape))


def _region_mean(maps: np.ndarray, inside: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean of the map over the cell's segment inside the window, (A, G, G)."""
    a, count = len(maps), int(labels.max(initial=0)) + 1
    slots = (labels + np.arange(a)[:, None, None] * count).ravel()
    total = np.bincount(slots, maps.ravel(), a * count)
    size = np.bincount(slots, inside.ravel(), a * count)
    return np.asarray((total / np.maximum(size, 1e-6))[slots].reshape(maps.shape))


def _moment_distance(maps: np.ndarray) -> np.ndarray:
    """Return half the squared Mahalanobis distance to the map's centroid, (A, G, G)."""
    steps = (np.arange(WINDOW_CELLS) + 0.5) / WINDOW_CELLS * 2 - 1
    mass = np.maximum(maps.sum(axis=(1, 2)), 1e-3)
    columns, rows = maps.sum(axis=1), maps.sum(axis=2)
    mean_x, mean_y = columns @ steps / mass, rows @ steps / mass
    smallest = (2.0 / WINDOW_CELLS) ** 2
    xx = columns @ steps**2 / mass - mean_x**2 + smallest
    yy = rows @ steps**2 / mass - mean_y**2 + smallest
    xy = np.einsum("aij,i,j->a", maps, steps, steps) / mass - mean_x * mean_y
    scale = np.maximum(xx * yy - xy * xy, 1e-9)
    dx = (steps - mean_x[:, None])[:, None, :]
    dy = (steps - mean_y[:, None])[:, :, None]
    xx, yy, xy, scale = (value[:, None, None] for value in (xx, yy, xy, scale))
    squared = (yy * dx * dx + xx * dy * dy - 2 * xy * dx * dy) / scale
    return np.asarray(np.minimum(0.5 * squared, 2 * FAR))


def object_maps(
    windows: Windows, code_kernel: np.ndarray, stages: tuple[dict[str, float], ...]
) -> list[np.ndarray]:
    """Compute a map of the object in each window, stage by stage.

    Args:
        windows: A windows.
        code_kernel: (40, 40) float32 likeness of two color codes.
        stages: coefficients of a logistic model by feature name; the first stage uses only the
            static features, each later one also those of the map before it.

    Returns:
        One (A, G, G) float32 map in [0, 1] per stage; 0 outside the image.
    """
    maps: list[np.ndarray] = []
    for number, stage in enumerate(stages):
        logits = np.tensordot(_row(stage, STATIC_FEATURES), windows.static, axes=1)
        if number > 0:
            seen = dynamic_features(windows, maps[-1], code_kernel)
            logits += np.tensordot(_row(stage, DYNAMIC_FEATURES), seen, axes=1)
        maps.append(windows.inside / (1.0 + np.exp(-logits)))
    return maps


def _row(stage: dict[str, float], names: tuple[str, ...]) -> np.ndarray:
    """Return the coefficients of `names`, in order, float32."""
    return np.array([stage[name] for name in names], dtype=np.float32)
