"""The running average of a network, which looks for objects that nobody clicked.

The network itself would follow its own last step. Its average over some hundred steps is steadier,
and what it sees is left out of the losses: an object that nobody clicked is not learned as
background, and is not learned as an object either.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

from sapnet.network.model import evaluating
from sapnet.segmentation.partial.seeing import scores_at
from sapnet.structures.seen import SeenObjects

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.network.model import Network
    from sapnet.segmentation.outputs import SOLOv2Outputs
    from sapnet.structures.batch import Batch

DECAY = 0.99
"""Share of the average that stays at each step, once it has run for long."""

SHARE = 0.3
"""A cell sees what may be an object if its class score is above this share of the usual score of
clicked objects of the class. An object that nobody clicked looks like those that were."""

LEAST_SCORE = 0.05
"""Least such class score. A network knows nothing yet while all its scores are below: its first
scores are 0.01 everywhere."""

SCORE_DECAY = 0.9
"""Share of the usual score of a class that stays at a step that has clicked objects of it."""

MAX_CELLS = 200
"""Most cells of an image that are looked at, the best ones."""


class RunningAverage:
    """The running average of a network's weights, and what it sees in partial images.

    Args:
        network: the network that is trained; its present weights are the beginning. It needs a
            segmenter.
        decay: share of the average that stays at each step; smaller in the first steps.
    """

    def __init__(self, network: Network, decay: float = DECAY) -> None:
        network.check_segments()
        self.network = deepcopy(network).requires_grad_(False).eval()
        self.decay = decay
        self.num_steps = 0
        self.usual_scores = torch.zeros(len(network.categories))

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Take the weights of one more step into the average, on the network's device."""
        self.network.to(network.device)
        keep = decay_at(self.num_steps, self.decay)
        self.num_steps += 1
        now = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(now[name].to(value.dtype), 1 - keep)
            else:
                value.copy_(now[name])

    @torch.no_grad()
    def look(self, batch: Batch) -> SeenObjects | None:
        """Return what the average sees in the partial images of a batch; None without any.

        Only classes of which some objects may not be clicked are looked at.
        """
        if batch.gaps is None:
            return None
        partial = batch.gaps.partial
        images = torch.nonzero(partial.any(dim=1))[:, 0]
        if not len(images):
            return None
        with evaluating(self.network):
            segmenter = self.network.segmenter
            outputs = segmenter(self.network.features(batch.images[images]))
            self._learn_usual_scores(outputs, batch, images)
            thresholds = (SHARE * self.usual_scores).clamp(min=LEAST_SCORE).to(partial.device)
            seen = segmenter.see(outputs, partial[images], thresholds, MAX_CELLS)
        return SeenObjects(seen.masks, seen.labels, images[seen.image_index], seen.cell_index)

    def _learn_usual_scores(self, outputs: SOLOv2Outputs, batch: Batch, images: Tensor) -> None:
        """Take the scores of the clicked objects of some images into the usual ones."""
        objects = batch.bags or batch.targets
        if objects is None:
            return
        place = torch.full((len(batch.images),), -1, device=images.device)
        place[images] = torch.arange(len(images), device=images.device)
        index = place[objects.image_index]
        points, labels, index = (
            _points(batch)[index >= 0],
            objects.labels[index >= 0],
            index[index >= 0],
        )
        scores = scores_at(outputs, points, labels, index).cpu()
        for label in sorted(set(labels.tolist())):
            now = scores[labels.cpu() == label].mean()
            before = self.usual_scores[label]
            keep = SCORE_DECAY if before > 0 else 0.0
            self.usual_scores[label] = keep * before + (1 - keep) * now

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {
            "num_steps": self.num_steps,
            "usual_scores": self.usual_scores,
            "weights": self.network.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Restore what a checkpoint kept."""
        self.num_steps = int(state["num_steps"])
        self.usual_scores = state["usual_scores"].cpu()
        weights: dict[str, Tensor] = state["weights"]
        self.network.load_state_dict(weights)


def _points(batch: Batch) -> Tensor:
    """Return a point (N, 2) x, y of each object: its click, or the middle of its box."""
    if batch.bags is not None:
        return batch.bags.points
    if batch.targets is not None:
        return (batch.targets.boxes[:, :2] + batch.targets.boxes[:, 2:]) / 2
    return batch.images.new_zeros(0, 2, dtype=torch.float32)


def decay_at(step: int, decay: float) -> float:
    """Return the share that stays at a step, counted from 0: small at first, then `decay`."""
    return min(decay, (1 + step) / (10 + step))
