"""Labels of a round, and when the rounds begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LabelTable:
    """Labels of one round.

    Attributes:
        epoch: the epoch at whose start they were chosen; 0 is the first.
        annotation_ids: (M,) int64, ascending.
        index: (M,) int64, place of each object's label among its proposals.
    """

    epoch: int
    annotation_ids: Tensor
    index: Tensor

    def look_up(self, annotation_ids: Tensor) -> Tensor:
        """Find the labels of objects.

        Args:
            annotation_ids: (N,) int64, on any device.

        Returns:
            (N,) int64 on that device; -1 for objects without a label.
        """
        if not len(self.annotation_ids):
            return torch.full_like(annotation_ids, -1)
        wanted = annotation_ids.cpu()
        row = torch.searchsorted(self.annotation_ids, wanted)
        row = row.clamp(max=len(self.annotation_ids) - 1)
        known = self.annotation_ids[row] == wanted
        return self.index[row].where(known, -1).to(annotation_ids.device)

    def state(self) -> dict[str, Any]:
        """Return the content as plain values, for a checkpoint."""
        return dict(vars(self))


def due_round(rounds: tuple[int, ...], epoch: int) -> int | None:
    """Return the last of the epochs in `rounds` that has begun; None before the first."""
    return max((start for start in rounds if start <= epoch), default=None)
