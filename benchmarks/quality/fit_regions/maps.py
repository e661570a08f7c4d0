"""Fitting the logistic models of a window's cells."""

from __future__ import annotations

import numpy as np

from benchmarks.quality.fit_regions.scenes import Scene, report, unpack
from sapnet.proposals.regions import maps as rm
from sapnet.proposals.regions import windows as rw
from sapnet.proposals.regions.candidates import assumed_boxes
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.evidence import STATIC_FEATURES, WINDOW_CELLS, Windows
from sapnet.proposals.regions.scene import arrange_clicks

NUM_STAGES = 3

NEAREST_BOXES = 3
"""Windows per object: those whose assumed box is nearest to the true one."""

ASPECT_WEIGHT = 0.35
"""Weight of the squared log of the aspect beside that of the size when boxes are compared."""

CELLS_PER_WINDOW = 150

SMALLEST_WINDOW_AREA = 500.0
"""Smallest area of an object (px) whose window is used; smaller ones add noise only."""

CELL_RIDGE = 1e-5
"""Ridge, per sample and unit of squared standardized coefficient."""


def near_windows(scene: Scene, cfg: RegionsConfig) -> tuple[Windows, np.ndarray] | None:
    """Return windows near the true boxes, and the truth in their cells: (A, G, G) bool.

    None if all objects of the scene are too small.
    """
    height, width = scene.evidence.size
    placed = arrange_clicks(scene.clicks, scene.evidence.size)
    field = rw.place_clicks(scene.evidence, placed.points, placed.rival_points, placed.rivals)
    boxes = assumed_boxes(scene.evidence.size, cfg)
    index, chosen = [], []
    for n, area in enumerate(scene.areas):
        if area <= SMALLEST_WINDOW_AREA:
            continue
        rows, columns = np.nonzero(unpack(scene, n))
        true = np.array([np.ptp(columns) + 1, np.ptp(rows) + 1]) / (width, height)
        log = np.log(boxes / true)
        distance = log.mean(axis=1) ** 2 + ASPECT_WEIGHT * (log[:, 0] - log[:, 1]) ** 2
        best = np.argsort(distance)[:NEAREST_BOXES]
        index.extend([n] * len(best))
        chosen.append(boxes[best])
    if not index:
        return None
    windows = rw.cut_windows(scene.evidence, field, np.array(index), np.concatenate(chosen))
    steps = (np.arange(WINDOW_CELLS) + 0.5) / WINDOW_CELLS * 2 - 1
    x = ((windows.center[:, :1] + windows.reach[:, :1] * steps) * width).astype(int)
    y = ((windows.center[:, 1:] + windows.reach[:, 1:] * steps) * height).astype(int)
    shown = [
        unpack(scene, n)[np.clip(y[a], 0, height - 1)][:, np.clip(x[a], 0, width - 1)]
        for a, n in enumerate(index)
    ]
    return windows, np.stack(shown) & (windows.inside > 0)


def fit_stages(scenes: list[Scene], cfg: RegionsConfig) -> tuple[dict[str, float], ...]:
    """Fit the logistic models of a cell, each stage on the maps of the one before."""
    seen = [
        (*found, scene.evidence.code_kernel)
        for scene in scenes
        if (found := near_windows(scene, cfg)) is not None
    ]
    stages: list[dict[str, float]] = []
    maps: list[np.ndarray] = []
    for number in range(NUM_STAGES):
        generator = np.random.default_rng(0)
        cells, labels = [], []
        for i, (windows, truth, kernel) in enumerate(seen):
            features = windows.static
            if number > 0:
                dynamic = rm.dynamic_features(windows, maps[i], kernel)
                features = np.concatenate([features, dynamic])
            for a in range(len(truth)):
                inside = np.flatnonzero(windows.inside[a])
                pick = generator.choice(inside, CELLS_PER_WINDOW)
                cells.append(features[:, a].reshape(len(features), -1)[:, pick].T)
                labels.append(truth[a].ravel()[pick])
        names = STATIC_FEATURES + (rm.DYNAMIC_FEATURES if number > 0 else ())
        weights = fit_logistic(np.concatenate(cells), np.concatenate(labels))
        stages.append(dict(zip(names, weights.tolist(), strict=True)))
        maps = [rm.object_maps(w, kernel, tuple(stages))[-1] for w, _, kernel in seen]
        ious = [cell_iou(m > 0.4, t) for m, (_, t, _) in zip(maps, seen, strict=True)]
        report(f"stage {number}: IoU in windows {np.concatenate(ious).mean():.4f}")
    return tuple(stages)


def fit_logistic(samples: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the coefficients of a logistic regression, fitted by Newton's method."""
    samples = samples.astype(np.float64)
    ridge = CELL_RIDGE * len(labels) * np.eye(samples.shape[1])
    weights = np.zeros(samples.shape[1])
    for _ in range(12):
        probability = 1 / (1 + np.exp(-samples @ weights))
        gradient = samples.T @ (probability - labels) + ridge @ weights
        curvature = (samples * (probability * (1 - probability))[:, None]).T @ samples + ridge
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def cell_iou(masks: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the IoU (A,) of masks (A, G, G)."""
    both = (masks & truth).sum(axis=(1, 2))
    return np.asarray(both / np.maximum((masks | truth).sum(axis=(1, 2)), 1))
