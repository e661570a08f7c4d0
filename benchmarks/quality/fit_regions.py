"""Fits the coefficients of the region proposer and prints `sapnet/proposals/regions/prior.py`.

    python -m benchmarks.quality.fit_regions --images DIR --clicks points.json \
        --truth instances.json > sapnet/proposals/regions/prior.py

First the maps: windows whose assumed box is near an object's true box, a logistic model of each
cell, three stages. Then the quality: all candidates of every click, a ridge model of their IoU
with the object, with the products of two features that help most added one by one. Progress and
a four-fold check (no image in both parts) go to stderr. Use training images only.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.quality.regions import load_clicks
from sapnet.geometry.rle import decode_masks, to_rle
from sapnet.proposals.regions import maps as rm
from sapnet.proposals.regions import windows as rw
from sapnet.proposals.regions.candidates import MapPrior, assumed_boxes, collect_pool
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.features import QUALITY_FEATURES
from sapnet.proposals.regions.image import ImageEvidence, measure_image
from sapnet.proposals.regions.pool import sample_frame
from sapnet.proposals.regions.scene import arrange_clicks
from sapnet.proposals.regions.scoring import choose_candidates, expand_features
from sapnet.structures.clicks import Click

NUM_STAGES = 3
NEAREST_BOXES = 3
"""Windows per object: those whose assumed box is nearest to the true one."""
ASPECT_WEIGHT = 0.35
"""Weight of the squared log of the aspect beside that of the size when boxes are compared."""
CELLS_PER_WINDOW = 150
SMALLEST_WINDOW_AREA = 500.0
"""Objects below this area (px) teach the cells nothing but noise."""
CELL_RIDGE, QUALITY_RIDGE = 1e-5, 1e-5
"""Ridge, per sample and unit of squared standardised coefficient."""
NUM_PRODUCTS = 24
NUM_FOLDS = 4
CUTS = ((0, 0.4), (2, 0.6), (2, 0.4), (2, 0.22))
SHARPNESSES = (8.0, 12.0, 16.0, 20.0)

HEADER = '''"""Coefficients of the region proposer, printed by `benchmarks/quality/fit_regions.py`.

Fitted to the clicks and masks of {images} COCO train2017 photographs ({objects} objects above
{area:.0f} px). Logistic models of a window's cell (`MAP_STAGES`) and a linear model of a
candidate's IoU (`QUALITY`); the names are those of the features in `regions_windows.py` and
`regions_scoring.py`, and "a*b" is a product.
"""
'''


@dataclass(frozen=True)
class Scene:
    """One training image: measurements, clicks and true masks."""

    evidence: ImageEvidence
    clicks: list[Click]
    truths: list[np.ndarray]
    areas: list[float]


def load_scenes(args: argparse.Namespace, cfg: RegionsConfig) -> list[Scene]:
    """Measures every image that has clicks."""
    truth = json.loads(args.truth.read_text())
    objects = {a["id"]: a for a in truth["annotations"]}
    clicks = load_clicks(args.clicks)
    scenes = []
    for entry in truth["images"]:
        chosen = clicks.get(entry["id"], [])
        if not chosen:
            continue
        image = np.asarray(Image.open(args.images / entry["file_name"]).convert("RGB"))
        rles = [to_rle(objects[c.annotation_id]["segmentation"], *image.shape[:2]) for c in chosen]
        masks = [np.packbits(decode_masks([rle])[0]) for rle in rles]
        areas = [objects[c.annotation_id]["area"] for c in chosen]
        scenes.append(Scene(measure_image(image, cfg.working_side), chosen, masks, areas))
    return scenes


def unpack(scene: Scene, n: int) -> np.ndarray:
    """(H, W) bool true mask of object n."""
    height, width = scene.evidence.size
    bits = np.unpackbits(scene.truths[n], count=height * width)
    return bits.reshape(height, width).astype(bool)


def near_windows(scene: Scene, cfg: RegionsConfig) -> tuple[rw.Windows, np.ndarray] | None:
    """Windows near the true boxes and the truth in their cells, (A, G, G) bool."""
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
    steps = (np.arange(rw.WINDOW_CELLS) + 0.5) / rw.WINDOW_CELLS * 2 - 1
    x = ((windows.center[:, :1] + windows.reach[:, :1] * steps) * width).astype(int)
    y = ((windows.center[:, 1:] + windows.reach[:, 1:] * steps) * height).astype(int)
    shown = [
        unpack(scene, n)[np.clip(y[a], 0, height - 1)][:, np.clip(x[a], 0, width - 1)]
        for a, n in enumerate(index)
    ]
    return windows, np.stack(shown) & (windows.inside > 0)


def fit_stages(scenes: list[Scene], cfg: RegionsConfig) -> tuple[dict[str, float], ...]:
    """Fits the logistic models of a cell, each stage on the maps of the one before."""
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
        names = rw.STATIC_FEATURES + (rm.DYNAMIC_FEATURES if number > 0 else ())
        weights = fit_logistic(np.concatenate(cells), np.concatenate(labels))
        stages.append(dict(zip(names, weights.tolist(), strict=True)))
        maps = [rm.object_maps(w, kernel, tuple(stages))[-1] for w, _, kernel in seen]
        ious = [cell_iou(m > 0.4, t) for m, (_, t, _) in zip(maps, seen, strict=True)]
        report(f"stage {number}: IoU in windows {np.concatenate(ious).mean():.4f}")
    return tuple(stages)


def fit_logistic(samples: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic regression by Newton's method."""
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
    """(A,) IoU of (A, G, G) masks."""
    both = (masks & truth).sum(axis=(1, 2))
    return np.asarray(both / np.maximum((masks | truth).sum(axis=(1, 2)), 1))


@dataclass(frozen=True)
class JudgedPool:
    """The candidates of one object: features, mutual overlap and overlap with the truth."""

    image_index: int
    features: np.ndarray
    iou: np.ndarray
    truth_iou: np.ndarray


def judge_pools(
    scenes: list[Scene], cfg: RegionsConfig, stages: tuple[dict[str, float], ...], area: float
) -> list[JudgedPool]:
    """All candidates of every object above an area."""
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
    """Chooses products of features greedily, then fits the ridge model."""
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
    """Ridge coefficients of the columns `kept`."""
    ridge = QUALITY_RIDGE * count * np.eye(len(kept))
    return np.asarray(np.linalg.solve(gram[np.ix_(kept, kept)] + ridge, moment[kept]))


def ridge_gain(gram: np.ndarray, moment: np.ndarray, kept: list[int], count: int) -> float:
    """How much of the target's second moment the columns explain."""
    return float(solve_ridge(gram, moment, kept, count) @ moment[kept])


def check_folds(pools: list[JudgedPool], names: tuple[str, ...]) -> None:
    """Reports oracle and top 1 of the quality model on images it was not fitted to."""
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


def report(line: str) -> None:
    """Progress, kept apart from the file printed to stdout."""
    print(line, file=sys.stderr, flush=True)


def show(values: dict[str, Any], indent: str) -> str:
    """A dictionary of coefficients as source text."""
    lines = [f'{indent}    "{name}": {float(value):.4g},\n' for name, value in values.items()]
    return "{\n" + "".join(lines) + indent + "}"


def main() -> None:
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--clicks", type=Path, required=True, help="json with one point each")
    parser.add_argument("--truth", type=Path, required=True, help="COCO instances json")
    parser.add_argument(
        "--min-area", type=float, default=1024.0, help="px; quality is fitted above"
    )
    args = parser.parse_args()
    cfg = RegionsConfig()
    scenes = load_scenes(args, cfg)
    report(f"{len(scenes)} images measured")
    stages = fit_stages(scenes, cfg)
    pools = judge_pools(scenes, cfg, stages, args.min_area)
    quality = fit_quality(pools)
    print(HEADER.format(images=len(scenes), objects=len(pools), area=args.min_area))
    print("MAP_STAGES: tuple[dict[str, float], ...] = (")
    print("".join(f"    {show(stage, '    ')},\n" for stage in stages) + ")")
    print('"""Log-odds that a cell of a window belongs to the object, stage by stage."""\n')
    print(f"CUTS: tuple[tuple[int, float], ...] = {CUTS}")
    print('"""(stage, threshold) of the masks cut from each window."""\n')
    print(f"QUALITY: dict[str, float] = {show(quality, '')}")
    print('"""Expected IoU of a candidate with its object, per unit of each feature or product."""')


if __name__ == "__main__":
    main()
