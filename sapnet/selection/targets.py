"""The targets that a selection gives the segmenter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from sapnet.selection.choosing import gather_rows, runners_up
from sapnet.structures.batch import InstanceTargets

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.selection.config import SelectionConfig
    from sapnet.structures.batch import Bags
    from sapnet.structures.outputs import Selection


def keep_labels(bags: Bags, selection: Selection, kept: Tensor) -> Selection:
    """Put labels that are already chosen in the place of a new choice.

    Args:
        bags: N bags.
        selection: the new choice from them.
        kept: (N,) int64, the labels' places in the bags; -1 where the new choice counts.

    Returns:
        The selection with the labels. The box of a label is that of its mask.
    """
    is_kept = kept >= 0
    index = torch.where(is_kept, kept, selection.index)
    boxes = torch.where(is_kept[:, None], gather_rows(bags.boxes, index), selection.boxes)
    return replace(selection, index=index, boxes=boxes)


def instance_targets(bags: Bags, selection: Selection, cfg: SelectionConfig) -> InstanceTargets:
    """Collect the chosen masks, and the runners-up for multi-mask supervision.

    Args:
        bags: N bags.
        selection: the choice from them.
        cfg: `multi_mask`.

    Returns:
        N targets with 3 ranked masks, fewer where K is small, 0 without multi-mask supervision.
    """
    order, exists = runners_up(selection.scores, selection.members, selection.index)
    if not cfg.multi_mask.enabled:
        order, exists = order[:, :0], exists[:, :0]
    return InstanceTargets(
        masks=gather_rows(bags.masks, selection.index),
        boxes=selection.boxes,
        labels=bags.labels,
        image_index=bags.image_index,
        ranked_masks=bags.masks.take_along_dim(order[..., None, None], dim=1),
        ranked_valid=exists,
    )
