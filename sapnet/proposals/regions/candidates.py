"""The candidates of one click: collected from all windows and image regions, and drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.evidence import ImageEvidence, Windows
from sapnet.proposals.regions.features import CandidateView, quality_features
from sapnet.proposals.regions.maps import object_maps
from sapnet.proposals.regions.pool import (
    Lattice,
    WindowMasks,
    cut_masks,
    make_lattice,
    pairwise_iou,
    sample_frame,
    sample_windows,
    tree_regions,
)
from sapnet.proposals.regions.prior import CUTS, MAP_STAGES
from sapnet.proposals.regions.scene import ClickScene
from sapnet.proposals.regions.windows import ClickField, cut_windows

PROPOSAL_COLOR_LEVEL = 1
"""Pyramid level whose colors judge the candidates: the working frame of larger images."""


@dataclass(frozen=True)
class MapPrior:
    """Settings that turn windows into masks.

    Attributes:
        stages: coefficients of each stage of the maps.
        cuts: (stage, threshold) of each cut.
    """

    stages: tuple[dict[str, float], ...]
    cuts: tuple[tuple[int, float], ...]


DEFAULT_PRIOR = MapPrior(MAP_STAGES, CUTS)


@dataclass(frozen=True)
class CandidatePool:
    """All candidates of one click.

    Attributes:
        lattice: the lattice on which they were compared.
        windows: the windows of the click.
        cuts: masks of the windows; the first M candidates.
        frames: (T, h, w) bool regions of the working frame; the other candidates.
        features: (M + T, F) float64 quality features.
        iou: (M + T, M + T) float32.
        masks: (M + T, Q, Q) bool on the lattice.
    """

    lattice: Lattice
    windows: Windows
    cuts: WindowMasks
    frames: np.ndarray
    features: np.ndarray
    iou: np.ndarray
    masks: np.ndarray


def collect_pool(
    evidence: ImageEvidence,
    field: ClickField,
    scene: ClickScene,
    n: int,
    cfg: RegionsConfig,
    prior: MapPrior = DEFAULT_PRIOR,
) -> CandidatePool:
    """Collect and measure all candidates of click n."""
    boxes = assumed_boxes(evidence.size, cfg)
    windows = cut_windows(evidence, field, np.full(len(boxes), n), boxes)
    maps = object_maps(windows, evidence.code_kernel, prior.stages)
    cuts = cut_masks(windows, maps, prior.cuts)
    frames = tree_regions(evidence, scene.points[n])
    lattice = make_lattice(scene.points[n])
    masks = np.concatenate([sample_windows(cuts, windows, lattice), sample_frame(frames, lattice)])
    masks |= lattice.at_click  # a tiny mask may lie between the lattice's cells
    level = min(PROPOSAL_COLOR_LEVEL, len(evidence.levels) - 1)
    iou = pairwise_iou(masks, lattice.areas)
    view = CandidateView(
        masks=masks,
        areas=lattice.areas,
        x=lattice.x,
        y=lattice.y,
        lab=np.moveaxis(sample_frame(np.moveaxis(evidence.levels[level], 2, 0), lattice), 0, 2),
        codes=sample_frame(evidence.codes[level], lattice),
        segments=sample_frame(evidence.segments[1], lattice),
        num_codes=len(evidence.code_kernel),
        image_aspect=evidence.size[1] / evidence.size[0],
        point=scene.points[n],
        rival_points=scene.rival_points[scene.rivals[n]],
        kin=scene.kin[n][scene.rivals[n]],
        certainty=np.concatenate([cuts.certainty, np.zeros(len(frames), np.float32)]),
        from_image=np.arange(len(masks)) >= len(cuts.kind),
    )
    return CandidatePool(lattice, windows, cuts, frames, quality_features(view, iou), iou, masks)


def assumed_boxes(size: tuple[int, int], cfg: RegionsConfig) -> np.ndarray:
    """Return the assumed boxes of an image of (height, width) `size`.

    Returns:
        (A, 2) width and height of each box, fractions of the image.
    """
    height, width = size
    shares = np.geomspace(cfg.smallest_size, cfg.largest_size, cfg.num_sizes)[:, None]
    roots = np.sqrt(np.array(cfg.aspects))[None]
    side = shares * np.sqrt(height * width)
    return np.stack([(side * roots / width).ravel(), (side / roots / height).ravel()], axis=1)


def draw_candidate(pool: CandidatePool, index: int, size: tuple[int, int]) -> np.ndarray:
    """Draw the mask of a candidate at full size, (H, W) bool; a tiny one may be empty."""
    height, width = size
    mask = np.zeros((height, width), bool)
    first_frame = len(pool.cuts.kind)
    if index >= first_frame:
        frame = Image.fromarray(pool.frames[index - first_frame].astype(np.float32))
        return np.asarray(frame.resize((width, height), Image.Resampling.BILINEAR)) > 0.5
    window = pool.cuts.window_index[index]
    center = pool.windows.center[window] * (width, height)
    reach = pool.windows.reach[window] * (width, height)
    low = np.maximum(np.ceil(center - reach), 0).astype(int)
    high = np.minimum(np.floor(center + reach), (width, height)).astype(int)
    if (high <= low).any():
        return mask
    values = pool.cuts.values[index]
    cells = values.shape[0]
    source = np.clip(
        np.concatenate([low - center + reach, high - center + reach])
        / np.tile(2 * reach, 2)
        * cells,
        0,
        cells,
    )
    patch = Image.fromarray(values).resize(
        (int(high[0] - low[0]), int(high[1] - low[1])),
        Image.Resampling.BILINEAR,
        box=tuple(source.tolist()),
    )
    mask[low[1] : high[1], low[0] : high[0]] = np.asarray(patch) > 0
    return mask
