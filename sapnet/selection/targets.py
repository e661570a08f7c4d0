"""What the segmenter learns from once selection has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sapnet.selection.choose import gather_rows
from sapnet.selection.mapping import runners_up
from sapnet.selection.scoring import bag_members
from sapnet.structures.batch import InstanceTargets

if TYPE_CHECKING:
    from sapnet.selection.config import SelectionConfig
    from sapnet.structures.batch import Bags
    from sapnet.structures.outputs import Selection


def instance_targets(bags: Bags, selection: Selection, cfg: SelectionConfig) -> InstanceTargets:
    """Pseudo masks of the chosen proposals, and the runners-up for multi-mask supervision.

    Args:
        bags: N bags.
        selection: what was chosen from them.
        cfg: whether there are runners-up, and whether rivals left the bags.

    Returns:
        N targets with 3 ranked masks, fewer where K is small, 0 without multi-mask supervision.
    """
    order, exists = runners_up(selection.scores, bag_members(bags, cfg), selection.index)
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
