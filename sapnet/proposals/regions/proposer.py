"""The proposer `regions`: masks from one click, priors of place and size, and the image.

It works in three steps. It measures the image once. For each click, it makes a mask for every
assumed size and aspect and adds the image's own regions. Then it keeps the few candidates that
together promise the best overlap with the object.

There is no network, only a few dozen coefficients (`prior.py`), fitted to COCO masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.regions.candidates import CandidatePool, collect_pool, draw_candidate
from sapnet.proposals.regions.config import RegionsConfig
from sapnet.proposals.regions.evidence import ImageEvidence
from sapnet.proposals.regions.image import measure_image
from sapnet.proposals.regions.prior import QUALITY
from sapnet.proposals.regions.scene import arrange_clicks
from sapnet.proposals.regions.scoring import choose_candidates, predict_quality
from sapnet.proposals.regions.windows import place_clicks
from sapnet.structures.clicks import RLE, Click
from sapnet.structures.proposals import Proposals


class RegionProposer:
    """Proposes nested and diverse regions around each click; deterministic and picklable."""

    name = "regions"

    def __init__(self, cfg: RegionsConfig | None = None) -> None:
        self.cfg = cfg or RegionsConfig()

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration as plain values, for the store's manifest."""
        return {"proposer": self.name, **asdict(self.cfg), "aspects": list(self.cfg.aspects)}

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Propose masks for every click of an image.

        Args:
            image: (H, W, 3) uint8 RGB, original frame.
            clicks: all clicks of the image; each is bounded by the others.

        Returns:
            One `Proposals` per click with K masks, or fewer if the image offers fewer. No mask is
            empty, each contains the click's pixel, and the best score comes first. Scores are
            expected IoUs.

        Raises:
            ValueError: the image is not (H, W, 3) uint8, or a point lies outside it.
        """
        if not clicks:
            return []
        return self.propose_prepared(self.prepare(image), clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> ImageEvidence:
        """Measure an image (H, W, 3) uint8 RGB once, for any number of clicks on it.

        Raises:
            ValueError: the image is not (H, W, 3) uint8.
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
        """Propose masks for some clicks of a measured image; see `StagedProposer`.

        Raises:
            ValueError: a point lies outside the image.
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
        """Choose and draw the proposals of one click."""
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


def _broken_prompts(pool: CandidatePool, click: Click, size: tuple[int, int]) -> np.ndarray:
    """Return the penalty of each candidate for prompts that it does not fit, (P,) in [0, 1].

    The penalty is the share of the click's further points that the candidate misses, plus 1 minus
    its IoU with the click's known box.
    """
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
        # A mask of the object fills much of its box and nothing outside of it.
        kept = (weighted * box).sum(axis=(1, 2))
        union = weighted.sum(axis=(1, 2)) + (pool.lattice.areas * box).sum() - kept
        broken += 1.0 - kept / np.maximum(union, 1e-9)
    return np.minimum(broken, 1.0)
