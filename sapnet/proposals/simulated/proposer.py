"""The proposer `simulated`: imitates a promptable segmenter on the synthetic set.

It reads the ground truth and imitates the errors of the SAM family: the clicked part instead of the
object, several parts, the object with its neighbor, or the object with background. Its own scores
prefer parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.simulated.masks import draw_masks
from sapnet.proposals.simulated.parts import PartsFile
from sapnet.proposals.simulated.true_object import TrueObject
from sapnet.proposals.simulated.view import ObjectView
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from pathlib import Path

    from sapnet.system.from_json import JSON

KIND_ORDER = ("part", "whole", "union", "leak", "group", "union", "eroded", "leak")
"""Kinds of the masks of a bag, in order of priority: every bag holds the first kinds it can."""


@dataclass(frozen=True)
class SimulatedConfig:
    """Settings of the simulated proposer's errors.

    With the defaults, on `SyntheticConfig()`, the mask with the best own score reaches a label mIoU
    of about 0.63 and the best mask of each bag about 0.94.

    Attributes:
        num_candidates: smallest and largest number of masks of an object.
        boundary_error: typical displacement of a mask's outline, as a share of its area over its
            outline's length (the half-width of a strip), so that large and small masks lose the
            same share.
        score_noise: standard deviation of the own scores.
        part_score: mean own score of the clicked part.
        eroded_score: mean own score of a shrunken part.
        union_score: mean own score of several parts.
        whole_score: mean own score of the whole object.
        group_score: mean own score of the object with a neighbor.
        leak_score: mean own score of the object with background.
        seed: seed of all random draws; an object's masks depend only on (seed, annotation id,
            click).
    """

    num_candidates: tuple[int, int] = (6, 8)
    boundary_error: float = 0.11
    score_noise: float = 0.05
    part_score: float = 0.885
    eroded_score: float = 0.80
    union_score: float = 0.86
    whole_score: float = 0.87
    group_score: float = 0.82
    leak_score: float = 0.80
    seed: int = 0

    def __post_init__(self) -> None:
        low, high = self.num_candidates
        if not 1 <= low <= high:
            raise ValueError(
                f"num_candidates: expected 1 <= fewest <= most, found {self.num_candidates}"
            )

    def mean_score(self, kind: str) -> float:
        """Return the mean own score of masks of a kind."""
        return float(getattr(self, f"{kind}_score"))


class SimulatedProposer:
    """Proposer of noisy parts, unions, wholes, groups and leaks of the synthetic objects."""

    def __init__(self, parts_file: Path, cfg: SimulatedConfig) -> None:
        """Store the settings; the parts are read when first needed, once per process.

        Args:
            parts_file: `parts.json` of the synthetic set.
            cfg: settings of the errors.
        """
        self._parts = PartsFile(parts_file)
        self._cfg = cfg

    @property
    def name(self) -> str:
        """The proposer's name."""
        return "simulated"

    @property
    def settings(self) -> Mapping[str, JSON]:
        """The configuration and the fingerprint of the parts file."""
        fingerprint = hashlib.sha256(self._parts.path.read_bytes()).hexdigest()
        return {**asdict(self._cfg), "parts_sha256": fingerprint}

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Return candidate masks of every object of one image; see `Proposer.propose`.

        Raises:
            ValueError: a click's object is not in the parts file, or the image has another size.
        """
        if not clicks:
            return []
        image_ids = {self._parts.image_of(click.annotation_id) for click in clicks}
        scene = {
            true_object.annotation_id: true_object
            for image_id in image_ids
            for true_object in self._parts.of_image(image_id, image.shape[:2])
        }
        return [self._propose_object(click, scene) for click in clicks]

    def _propose_object(self, click: Click, scene: Mapping[int, TrueObject]) -> Proposals:
        """Return the bag of one object."""
        rng = np.random.default_rng((self._cfg.seed, click.annotation_id))
        view = ObjectView.of(scene, click)
        count = int(rng.integers(self._cfg.num_candidates[0], self._cfg.num_candidates[1] + 1))
        kinds = list(_kinds(view, count))
        masks = draw_masks(view, kinds, self._cfg.boundary_error, rng)
        rles = encode_masks(view.to_image(masks))
        means = np.array([self._cfg.mean_score(kind) for kind in kinds])
        scores = means + self._cfg.score_noise * rng.standard_normal(count)
        return Proposals(
            rles=rles,
            boxes=rle_boxes(rles),
            scores=np.clip(scores, 0, 1).astype(np.float32),
            prompts=tuple(kinds),
        )


def _kinds(view: ObjectView, count: int) -> Iterator[str]:
    """Return `count` kinds that this object can have; kinds repeat if `count` is large."""
    impossible = set()
    if view.num_parts < 2:
        # The only visible part is the whole object.
        impossible.add("part")
    if view.num_parts < 3:
        impossible.add("union")
    if not view.has_group:
        impossible.add("group")
    possible = [kind for kind in KIND_ORDER if kind not in impossible]
    return (possible[index % len(possible)] for index in range(count))
