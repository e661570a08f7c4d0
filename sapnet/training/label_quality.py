"""Quality of the masks that training chooses, for the log; training never learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor


class LabelQuality:
    """Table of the IoU of every proposal with the ground truth of its object.

    The table stays on the CPU; a look-up for one step takes microseconds.

    Args:
        ious: (K,) IoU of each proposal by object id, as `proposal_ious` gives; other objects are
            not counted.
    """

    def __init__(self, ious: Mapping[int, np.ndarray]) -> None:
        ids = sorted(ious)
        self._ids = torch.tensor(ids, dtype=torch.int64)
        width = max((len(ious[i]) for i in ids), default=1)
        table = np.zeros((len(ids), width), np.float32)
        for line, i in zip(table, ids, strict=True):
            line[: len(ious[i])] = ious[i]
        self._ious = torch.from_numpy(table)

    def ious(self, annotation_ids: Tensor, chosen: Tensor) -> Tensor:
        """Return the IoU of each chosen proposal with the truth.

        Args:
            annotation_ids: (N,) int64.
            chosen: (N,) int64 index of the proposal in its bag.

        Returns:
            (M,) float32 on the CPU, M <= N: objects without known truth are left out.
        """
        ids, chosen = annotation_ids.cpu(), chosen.cpu()
        if len(self._ids) == 0:
            return torch.zeros(0)
        row = torch.searchsorted(self._ids, ids).clamp(max=len(self._ids) - 1)
        known = self._ids[row] == ids
        return self._ious[row[known], chosen[known]]
