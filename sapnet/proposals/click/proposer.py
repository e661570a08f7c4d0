"""The embedded proposer: a click answered by our own small segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sapnet.proposals.click.config import ClickConfig
from sapnet.proposals.click.rivals import with_rivals
from sapnet.proposals.click.weights import content_hash, parse_weights, read_weights
from sapnet.structures.clicks import Click
from sapnet.structures.proposals import Proposals

if TYPE_CHECKING:
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
        from sapnet.proposals.click.choice import choose_proposals

        size = prepared.pyramid.size
        asked = [with_rivals(clicks, index, self.cfg.max_rivals) for index in indices]
        return [
            choose_proposals(self._segmenter.candidates(prepared, click), click, size, self.cfg)
            for click in asked
        ]
