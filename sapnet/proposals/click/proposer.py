"""The embedded proposer: a click answered by our own small segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.click.candidates import Candidates, candidate_overlaps, paste
from sapnet.proposals.click.choice import cover, votes
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.keeping import prompt_fit
from sapnet.proposals.click.segmenter import ClickSegmenter, PreparedImage
from sapnet.proposals.click.weights import load_weights, weights_hash
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals


class ClickProposer:
    """Proposes masks at several scales for each click; deterministic and picklable."""

    name = "click"

    def __init__(self, weights: Path, cfg: ClickConfig | None = None) -> None:
        self.cfg = cfg or ClickConfig()
        self._hash = weights_hash(weights)
        self._segmenter = ClickSegmenter(load_weights(weights), self.cfg)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings and the hash of the weights."""
        return {**asdict(self.cfg), "weights": self._hash}

    def propose(self, image: np.ndarray, clicks: Sequence[Click]) -> list[Proposals]:
        """Candidate masks of every object of one image; see `Proposer`."""
        return self.propose_prepared(self.prepare(image), clicks, range(len(clicks)))

    def prepare(self, image: np.ndarray) -> PreparedImage:
        """Encode the image as a whole."""
        return self._segmenter.prepare(image)

    def propose_prepared(
        self, prepared: PreparedImage, clicks: Sequence[Click], indices: Sequence[int]
    ) -> list[Proposals]:
        """Candidate masks of some objects of a prepared image; see `StagedProposer`."""
        size = prepared.pyramid.size
        return [
            choose_proposals(
                self._segmenter.candidates(prepared, clicks[index]), clicks[index], size, self.cfg
            )
            for index in indices
        ]


def choose_proposals(
    candidates: Candidates, click: Click, image_size: tuple[int, int], cfg: ClickConfig
) -> Proposals:
    """Keep K masks of a click, the favourite first.

    Args:
        candidates: all masks of the click.
        click: what was asked; masks that do not keep to it fall back.
        image_size: (height, width).
        cfg: of the choice.
    """
    overlaps = candidate_overlaps(candidates)
    own = candidates.scores.flatten().double() * prompt_fit(candidates, click)
    scores = votes(overlaps, own)
    kept = cover(overlaps, own, int(scores.argmax()), cfg.num_proposals)
    kept = kept[scores[kept].argsort(descending=True, stable=True)]
    rles = encode_masks(np.stack([paste(candidates, place, image_size) for place in kept.tolist()]))
    return Proposals(
        rles=rles,
        boxes=rle_boxes(rles),
        scores=scores[kept].numpy().astype(np.float32),
        prompts=("point",) * len(rles),
    )
