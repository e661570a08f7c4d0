"""The targets that a selection gives the segmenter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.selection.choosing import gather_rows, runners_up
from sapnet.structures.batch import InstanceTargets

if TYPE_CHECKING:
    from sapnet.selection.config import SelectionConfig
    from sapnet.structures.batch import Bags
    from sapnet.structures.outputs import Selection


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
