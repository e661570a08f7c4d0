"""Fitting the quality model: the expected IoU of a candidate with its object."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from benchmarks.quality.fit_regions.scenes import Scene, report, unpack
from sapnet.proposals.regions import windows as rw
from sapnet.proposals.regions.candidates import MapPrior, collect_pool
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.features import QUALITY_FEATURES
from sapnet.proposals.regions.pool import sample_frame
from sapnet.proposals.regions.scene import arrange_clicks
from sapnet.proposals.regions.scoring import choose_candidates, expand_features

QUALITY_RIDGE = 1e-5
"""Ridge, per sample and unit of squared standardized coefficient."""

NUM_PRODUCTS = 24
"""Products of two features that are added to the model."""

NUM_FOLDS = 4
SHARPNESSES = (8.0, 12.0, 16.0, 20.0)

CUTS = ((0, 0.4), (2, 0.6), (2, 0.4), (2, 0.22))
"""(stage, threshold) of the masks cut from each window."""


@dataclass(frozen=True)
class JudgedPool:
    """Candidates of one object: features, mutual overlap, and overlap with the truth."""

    image_index: int
    features: np.ndarray
    iou: np.ndarray
    truth_iou: np.ndarray


def judge_pools(
    scenes: list[Scene], cfg: RegionsConfig, stages: tuple[dict[str, float], ...], area: float
) -> list[JudgedPool]:
    """Collect the candidates of every object above an area."""
    pools = []
    for i, scene in enumerate(scenes):
        placed = arrange_clicks(scene.clicks, scene.evidence.size)
        field = rw.place_clicks(scene.evidence, placed.points, placed.rival_points, placed.rivals)
        for n in range(len(scene.clicks)):
            if scene.areas[n] <= area:
                continue
            pool = collect_pool(scene.evidence, field, placed, n, cfg, MapPrior(stages, CUTS))
            truth = sample_frame(unpack(scene, n), pool.lattice)
            both = ((pool.masks & truth) * pool.lattice.areas).sum(axis=(1, 2))
            either = ((pool.masks | truth) * pool.lattice.areas).sum(axis=(1, 2))
            pools.append(JudgedPool(i, pool.features, pool.iou.astype(np.float16), both / either))
    report(f"pool: oracle {np.mean([p.truth_iou.max() for p in pools]):.4f}")
    return pools


def fit_quality(pools: list[JudgedPool]) -> dict[str, float]:
    """Choose products of features greedily, then fit the ridge model."""
    features = np.concatenate([p.features for p in pools])
    target = np.concatenate([p.truth_iou for p in pools])
    products = [f"{a}*{b}" for a, b in combinations_with_replacement(QUALITY_FEATURES[1:], 2)]
    names = (*QUALITY_FEATURES, *products)
    design = expand_features(features, names)
    scale = np.sqrt((design**2).mean(axis=0)) + 1e-12
    design /= scale
    gram, moment = design.T @ design, design.T @ target
    kept = list(range(len(QUALITY_FEATURES)))
    for _ in range(NUM_PRODUCTS):
        left = [j for j in range(len(names)) if j not in kept]
        gains = [ridge_gain(gram, moment, [*kept, j], len(target)) for j in left]
        kept.append(left[int(np.argmax(gains))])
        report(f"  product {names[kept[-1]]}: explains {max(gains) / len(target):.5f}")
    weights = solve_ridge(gram, moment, kept, len(target)) / scale[kept]
    chosen = tuple(names[j] for j in kept)
    check_folds(pools, chosen)
    return dict(zip(chosen, weights.tolist(), strict=True))


def solve_ridge(gram: np.ndarray, moment: np.ndarray, kept: list[int], count: int) -> np.ndarray:
    """Return the ridge coefficients of the columns `kept`."""
    ridge = QUALITY_RIDGE * count * np.eye(len(kept))
    return np.asarray(np.linalg.solve(gram[np.ix_(kept, kept)] + ridge, moment[kept]))


def ridge_gain(gram: np.ndarray, moment: np.ndarray, kept: list[int], count: int) -> float:
    """Return the part of the target's second moment that the columns explain."""
    return float(solve_ridge(gram, moment, kept, count) @ moment[kept])


def check_folds(pools: list[JudgedPool], names: tuple[str, ...]) -> None:
    """Report oracle and top 1 of the quality model on images that it was not fitted to."""
    designs = [expand_features(p.features, names) for p in pools]
    qualities: list[np.ndarray] = [np.zeros(0)] * len(pools)
    for fold in range(NUM_FOLDS):
        fit = [i for i, p in enumerate(pools) if p.image_index % NUM_FOLDS != fold]
        design = np.concatenate([designs[i] for i in fit])
        scale = np.sqrt((design**2).mean(axis=0)) + 1e-12
        design = design / scale
        target = np.concatenate([pools[i].truth_iou for i in fit])
        every = list(range(len(names)))
        weights = solve_ridge(design.T @ design, design.T @ target, every, len(target)) / scale
        for i, pool in enumerate(pools):
            if pool.image_index % NUM_FOLDS == fold:
                qualities[i] = designs[i] @ weights
    for sharpness in SHARPNESSES:
        rows = []
        for pool, quality in zip(pools, qualities, strict=True):
            chosen, scores = choose_candidates(pool.iou.astype(np.float64), quality, 24, sharpness)
            found = pool.truth_iou[chosen]
            rows.append((found[:8].max(), found.max(), found[scores[:8].argmax()]))
        means = " ".join(f"{value:.4f}" for value in np.mean(rows, axis=0))
        report(f"left-out images, sharpness {sharpness}: oracle of 8, of 24, top 1: {means}")
