"""The embedded proposer: a click answered by our own small segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.geometry.rle import encode_masks, rle_boxes
from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.rivals import with_rivals
from sapnet.proposals.click.weights import content_hash, parse_weights, read_weights
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
    from sapnet.proposals.click.candidates import Candidates
    from sapnet.proposals.click.segmenter import ClickSegmenter, PreparedImage


class ClickProposer:
    """Proposes masks at several scales for each click; deterministic and picklable.

    The network is made at the first use, which imports torch. What is pickled holds the weights:
    another process, or another machine, needs no file.

    Args:
        weights: a file written by `save_weights`.
        cfg: windows and choice.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a file of weights of the click segmenter.
    """

    name = "click"

    def __init__(self, weights: Path, cfg: ClickConfig | None = None) -> None:
        self.cfg = cfg or ClickConfig()
        self._path = weights
        self._content = read_weights(weights)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_segmenter"}

    @property
    def settings(self) -> dict[str, Any]:
        """Settings and the hash of the weights."""
        return {**asdict(self.cfg), "weights": content_hash(self._content)}

    @cached_property
    def _segmenter(self) -> ClickSegmenter:
        from sapnet.proposals.click.segmenter import ClickSegmenter

        return ClickSegmenter(parse_weights(self._content, self._path), self.cfg)

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
        asked = [with_rivals(clicks, index, self.cfg.max_rivals) for index in indices]
        return [
            choose_proposals(self._segmenter.candidates(prepared, click), click, size, self.cfg)
            for click in asked
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
    from sapnet.proposals.click.candidates import candidate_overlaps, paste
    from sapnet.proposals.click.choice import cover, votes
    from sapnet.proposals.click.keeping import prompt_fit

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
