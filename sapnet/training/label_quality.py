"""How good the masks chosen in training are, where ground truth is known: logged, never learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from sapnet.geometry.rle import rle_iou

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.proposals.store import ProposalStore
    from sapnet.structures import RLE


class LabelQuality:
    """A table of the IoU of every proposal with its object's ground truth.

    The table stays on the CPU; looking a step's choices up costs microseconds.

    Args:
        store: proposals of the training images.
        truth: true mask by annotation id; objects of the store without one are not counted.
    """

    def __init__(self, store: ProposalStore, truth: Mapping[int, RLE]) -> None:
        from tqdm import tqdm

        rows: dict[int, np.ndarray] = {}
        for index in tqdm(range(store.num_images), desc="IoU of proposals with the truth"):
            for stored in store.objects_of_image(index):
                annotation_id = stored.click.annotation_id
                if annotation_id in truth:
                    rows[annotation_id] = rle_iou(stored.proposals.rles, [truth[annotation_id]])[
                        :, 0
                    ]
        self._ids = torch.tensor(sorted(rows), dtype=torch.int64)
        width = max((len(row) for row in rows.values()), default=1)
        table = np.zeros((len(rows), width), np.float32)
        for line, annotation_id in zip(table, self._ids.tolist(), strict=True):
            line[: len(rows[annotation_id])] = rows[annotation_id]
        self._ious = torch.from_numpy(table)

    def ious(self, annotation_ids: Tensor, chosen: Tensor) -> Tensor:
        """IoU of each chosen proposal with the truth.

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
