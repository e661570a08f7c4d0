"""The segmenter's vote: its instances at a click, a second opinion on the choice.

Selection judges each object by its own candidates. The segmenter learned from all labels at once,
so it follows the many right ones rather than the few wrong ones. If selection took a part, it
often shows the whole object. When labels are written, its instances that cover the click therefore
count beside the agreement of the bag. Not in the paper. Figures: docs/notebook.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.labelling.choice import ChosenLabel
    from sapnet.selection.config import ConsensusConfig
    from sapnet.structures.batch import Bags
    from sapnet.structures.outputs import Selection


def add_segmenter_vote(
    labels: Sequence[ChosenLabel], bags: Bags, selection: Selection, cfg: ConsensusConfig
) -> tuple[list[ChosenLabel], Selection]:
    """Choose again, with the segmenter's vote.

    Args:
        labels: N labels of a batch as selection chose them, with their overlaps.
        bags: their bags.
        selection: the selection that chose them, by consensus.
        cfg: weight of the vote.

    Returns:
        The labels and the selection after the vote. Scores are means of the expected IoU and the
        vote, in [0, 1]. An object keeps its choice and its scores where no instance covers its
        click, or where its bag has one member only.
    """
    weight = cfg.segmenter_weight
    if not labels or not weight:
        return list(labels), selection
    votes = segmenter_votes(labels, bags.num_proposals).to(selection.scores)
    joint = (selection.scores + weight * votes) / (1 + weight) * selection.members
    has_vote = votes.any(1) & (selection.members.sum(1) > 1)
    scores = torch.where(has_vote[:, None], joint, selection.scores)
    index = torch.where(has_vote, joint.argmax(1), selection.index)
    boxes = bags.boxes.take_along_dim(index[:, None, None], dim=1).squeeze(1)
    moved = [
        replace(label, index=place) for label, place in zip(labels, index.tolist(), strict=True)
    ]
    return moved, replace(selection, index=index, boxes=boxes, scores=scores)


def segmenter_votes(labels: Sequence[ChosenLabel], num_proposals: int) -> Tensor:
    """Compute how well each candidate fits the segmenter's instances at the object's click.

    Args:
        labels: N labels of a batch, with their overlaps.
        num_proposals: K, at least the number of candidates of any object.

    Returns:
        (N, K) float32 in [0, 1]: mean IoU with the instances of the object's category that cover
        its click, weighted by their scores; 0 where there are none.
    """
    votes = np.zeros((len(labels), num_proposals), np.float32)
    for row, label in zip(votes, labels, strict=True):
        overlap = label.overlap
        if overlap is None or not overlap.covers_click.any():
            continue
        weights = overlap.scores * overlap.covers_click
        total = max(weights.sum(), np.finfo(float).tiny)
        row[: len(overlap.ious)] = overlap.ious @ weights / total
    return torch.from_numpy(votes)
