"""Results of the network: chosen proposals and predicted instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sapnet.structures.tensors import TensorFields

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.structures.clicks import RLE


@dataclass(frozen=True)
class Selection(TensorFields):
    """The chosen proposal of each object.

    Attributes:
        index: (N,) int64, the chosen proposal of the bag.
        boxes: (N, 4) float32 refined box, input frame.
        scores: (N, K) float32 final selection scores of the bag's proposals; 0 where not valid.
        stage_scores: (N, S, K) float32 scores of the bag's proposals at the object's label. S is 1,
            or 2 with refinement. 0 for proposals that are no voters.
        members: (N, K) bool, the proposals that could be chosen.
        losses: scalar float32 tensors by name, already weighted; empty outside training.
    """

    index: Tensor
    boxes: Tensor
    scores: Tensor
    stage_scores: Tensor
    members: Tensor
    losses: dict[str, Tensor]


@dataclass(frozen=True)
class Predictions(TensorFields):
    """Final instances of one image, original frame, best first.

    Attributes:
        masks: (P, H, W) bool.
        labels: (P,) int64 class index.
        scores: (P,) float32 in [0, 1].
    """

    masks: Tensor
    labels: Tensor
    scores: Tensor

    def __len__(self) -> int:
        return self.masks.shape[0]


@dataclass(frozen=True)
class FoundObjects:
    """Objects of one image, original frame, best first.

    Attributes:
        rles: P masks, none of them empty.
        labels: class index of each.
        scores: of each, in [0, 1].
    """

    rles: tuple[RLE, ...]
    labels: tuple[int, ...]
    scores: tuple[float, ...]
