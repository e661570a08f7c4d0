"""The weight-free proposer: masks from one click, priors of place and size, and the image.

Three steps: measure the image once; per click, let every assumed size and aspect find its mask
and add the image's own regions; keep the few candidates that together promise the best overlap.
No network: a few dozen coefficients, written out in `regions_prior.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.regions.image import ImageEvidence, measure_image
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
from sapnet.proposals.regions.prior import CUTS, MAP_STAGES, QUALITY
from sapnet.proposals.regions.scoring import (
    CandidateView,
    choose_candidates,
    predict_quality,
    quality_features,
)
from sapnet.proposals.regions.windows import (
    ClickField,
    Windows,
    cut_windows,
    object_maps,
    place_clicks,
)
from sapnet.structures.clicks import Click
from sapnet.structures.masks import RLE
from sapnet.structures.proposals import Proposals

PROPOSAL_COLOR_LEVEL = 1
"""Pyramid level whose colours judge the candidates: the working frame of larger images."""


@dataclass(frozen=True)
class RegionsConfig:
    """How the region proposer works.

    Attributes:
        num_proposals: masks kept per click, K.
        working_side: long side of the frame the segmentations work in, pixels.
        smallest_size: side of the smallest assumed box, as a share of the square root of the
            image's area; 0.035 is 19 px in a 640 x 480 photograph.
        largest_size: the same for the largest; above 1 for objects that fill the image.
        num_sizes: assumed sizes, equal steps of the logarithm.
        aspects: assumed width / height ratios.
        sharpness: how far a better-looking candidate is trusted over the others when choosing;
            0 spreads the choice over all candidates alike.
    """

    num_proposals: int = 8
    working_side: int = 320
    smallest_size: float = 0.035
    largest_size: float = 1.05
    num_sizes: int = 13
    aspects: tuple[float, ...] = (0.35, 0.65, 1.2, 2.3)
    sharpness: float = 14.0

    def __post_init__(self) -> None:
        for name in ("num_proposals", "working_side", "num_sizes"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"RegionsConfig.{name}: expected at least 1, found {getattr(self, name)}"
                )
        if not 0 < self.smallest_size <= self.largest_size:
            raise ValueError(
                "RegionsConfig: expected 0 < smallest_size <= largest_size, found "
                f"{self.smallest_size} and {self.largest_size}"
            )
        if not self.aspects or min(self.aspects) <= 0:
            raise ValueError(
                f"RegionsConfig.aspects: expected positive ratios, found {self.aspects}"
            )


@dataclass(frozen=True)
class MapPrior:
    """How windows become masks: coefficients of each stage, and (stage, threshold) of each cut."""

    stages: tuple[dict[str, float], ...]
    cuts: tuple[tuple[int, float], ...]


DEFAULT_PRIOR = MapPrior(MAP_STAGES, CUTS)


@dataclass(frozen=True)
class ClickScene:
    """The clicks of an image, ready for the proposer.

    Attributes:
        points: (N, 2) float64 first point of each click, fractions of the image.
        rival_points: (R, 2) float64 every point and negative point, fractions.
        rivals: (N, R) bool, which of them compete with each click.
        kin: (N, R) bool, those that belong to another object of its category.
    """

    points: np.ndarray
    rival_points: np.ndarray
    rivals: np.ndarray
    kin: np.ndarray


@dataclass(frozen=True)
class CandidatePool:
    """All candidates of one click.

    Attributes:
        lattice: where they were compared.
        windows: the windows that were looked through.
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


class RegionProposer:
    """Proposes nested and diverse regions round each click; deterministic and picklable."""

    name = "regions"

    def __init__(self, cfg: RegionsConfig = RegionsConfig()) -> None:
        self.cfg = cfg

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain values, for the store's manifest."""
        return {"proposer": self.name, **asdict(self.cfg), "aspects": list(self.cfg.aspects)}

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Proposes masks for every click of an image.

        Args:
            image: (H, W, 3) uint8 RGB, original frame.
            clicks: all clicks of the image; each is bounded by the others.

        Returns:
            One `Proposals` per click, K masks or fewer where the image offers fewer, none empty,
            each holding the click's pixel, best score first. Scores are expected IoUs.

        Raises:
            ValueError: if the image is not (H, W, 3) uint8 or a point lies outside it.
        """
        if not clicks:
            return []
        return self.propose_prepared(self.prepare(image), clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> ImageEvidence:
        """Measures an image (H, W, 3) uint8 RGB once, for any number of clicks on it.

        Raises:
            ValueError: if the image is not (H, W, 3) uint8.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                "RegionProposer.propose: expected an image (H, W, 3) uint8, found shape "
                f"{image.shape} {image.dtype}; convert it to RGB first"
            )
        return measure_image(image, self.cfg.working_side)

    def propose_prepared(
        self, prepared: ImageEvidence, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        """Proposes masks for some clicks of a measured image; see `StagedProposer`.

        Raises:
            ValueError: if a point lies outside the image.
        """
        scene = arrange_clicks(clicks, prepared.size)
        field = place_clicks(prepared, scene.points, scene.rival_points, scene.rivals)
        return [
            self._propose_one(
                prepared, collect_pool(prepared, field, scene, n, self.cfg), clicks[n]
            )
            for n in indices
        ]

    def _propose_one(self, evidence: ImageEvidence, pool: CandidatePool, click: Click) -> Proposals:
        """Chooses and draws the proposals of one click."""
        broken = _broken_prompts(pool, click, evidence.size)
        quality = predict_quality(pool.features, QUALITY) - broken
        chosen, scores = choose_candidates(
            pool.iou, quality, self.cfg.num_proposals, self.cfg.sharpness
        )
        scores = scores * (1.0 - broken[chosen])
        order = np.argsort(-scores, kind="stable")
        chosen, scores = chosen[order], scores[order]
        rles: list[RLE] = []
        prompts: list[str] = []
        for index in chosen:
            mask = draw_candidate(pool, int(index), evidence.size)
            mask[int(click.point[1]), int(click.point[0])] = True
            rles.extend(encode_masks(mask[None]))
            prompts.append("size" if index < len(pool.cuts.kind) else "image")
        return Proposals(
            tuple(rles),
            rle_boxes(rles),
            np.clip(scores, 0.0, 1.0).astype(np.float32),
            tuple(prompts),
        )


def arrange_clicks(clicks: Sequence[Click], size: tuple[int, int]) -> ClickScene:
    """Collects the points of all clicks of an image and who competes with whom.

    Args:
        clicks: N >= 1 clicks, original frame.
        size: (height, width) of the image.

    Raises:
        ValueError: if a point lies outside the image.
    """
    height, width = size
    points: list[tuple[float, float]] = []
    owners: list[int] = []
    categories: list[int] = []
    for n, click in enumerate(clicks):
        for x, y in (*click.points, *click.negative_points):
            if not (0 <= x < width and 0 <= y < height):
                raise ValueError(
                    f"object {click.annotation_id}: point ({x}, {y}) lies outside the image "
                    f"(0 <= x < {width}, 0 <= y < {height}); export the clicks of image "
                    f"{click.image_id} again, or drop the object"
                )
        points.extend([*click.points, *click.negative_points])
        owners.extend([n] * len(click.points) + [-1 - n] * len(click.negative_points))
        categories.extend([click.category_id] * (len(points) - len(categories)))
    owner, category = np.array(owners), np.array(categories)
    own = np.arange(len(clicks))[:, None]
    rivals = ((owner >= 0) & (owner != own)) | (owner == -1 - own)
    own_category = np.array([click.category_id for click in clicks])[:, None]
    scale = np.array([width, height], dtype=np.float64)
    return ClickScene(
        np.array([click.point for click in clicks]) / scale,
        np.array(points) / scale,
        rivals,
        rivals & (owner >= 0) & (category == own_category),
    )


def collect_pool(
    evidence: ImageEvidence,
    field: ClickField,
    scene: ClickScene,
    n: int,
    cfg: RegionsConfig,
    prior: MapPrior = DEFAULT_PRIOR,
) -> CandidatePool:
    """Makes and measures all candidates of click n."""
    boxes = assumed_boxes(evidence.size, cfg)
    windows = cut_windows(evidence, field, np.full(len(boxes), n), boxes)
    maps = object_maps(windows, evidence.code_kernel, prior.stages)
    cuts = cut_masks(windows, maps, prior.cuts)
    frames = tree_regions(evidence, scene.points[n])
    lattice = make_lattice(scene.points[n])
    masks = np.concatenate([sample_windows(cuts, windows, lattice), sample_frame(frames, lattice)])
    masks |= lattice.at_click  # a speck may lie between the lattice's cells
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
    """(A, 2) width and height of the boxes to try, fractions of an image of (height, width)."""
    height, width = size
    shares = np.geomspace(cfg.smallest_size, cfg.largest_size, cfg.num_sizes)[:, None]
    roots = np.sqrt(np.array(cfg.aspects))[None]
    side = shares * np.sqrt(height * width)
    return np.stack([(side * roots / width).ravel(), (side / roots / height).ravel()], axis=1)


def _broken_prompts(pool: CandidatePool, click: Click, size: tuple[int, int]) -> np.ndarray:
    """(P,) in [0, 1]: share of further points missed, plus how far the click's known box is."""
    height, width = size
    broken = np.zeros(len(pool.masks))
    further = np.array(click.points[1:], dtype=np.float64).reshape(-1, 2) / (width, height)
    if len(further):
        columns = np.abs(pool.lattice.x[None] - further[:, :1]).argmin(axis=1)
        rows = np.abs(pool.lattice.y[None] - further[:, 1:]).argmin(axis=1)
        broken += 1.0 - pool.masks[:, rows, columns].mean(axis=1)
    # An estimated box does harm: the image tells more about the object (docs/notebook.md).
    if click.known_box is not None:
        x1, y1, x2, y2 = np.array(click.known_box) / (width, height, width, height)
        across = (pool.lattice.x >= x1) & (pool.lattice.x <= x2)
        down = (pool.lattice.y >= y1) & (pool.lattice.y <= y2)
        box = down[:, None] & across[None]
        weighted = pool.masks * pool.lattice.areas
        # A mask of the object fills much of its box and none of the rest.
        kept = (weighted * box).sum(axis=(1, 2))
        union = weighted.sum(axis=(1, 2)) + (pool.lattice.areas * box).sum() - kept
        broken += 1.0 - kept / np.maximum(union, 1e-9)
    return np.minimum(broken, 1.0)


def draw_candidate(pool: CandidatePool, index: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool mask of a candidate at full size; may be empty for a speck."""
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
