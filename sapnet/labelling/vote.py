"""The segmenter's vote: what it finds at a click, as a second opinion on the chosen proposal.

Selection judges each object by its own candidates. The segmenter learned from all labels at once,
which makes it follow the many right ones rather than the few wrong ones: where selection took a
part, it often shows the whole object. So when labels are written, its instances that cover the
click count beside the agreement of the bag. Not in the paper. Figures: docs/notebook.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch

from sapnet.geometry.rle import encode_masks, rle_iou
from sapnet.selection.scoring import bag_members

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.labelling.uncertainty import ChosenLabel
    from sapnet.selection.config import SelectionConfig
    from sapnet.structures.batch import Bags
    from sapnet.structures.outputs import Predictions, Selection


def ask_segmenter(
    labels: Sequence[ChosenLabel],
    bags: Bags,
    selection: Selection,
    instances: Sequence[Predictions],
    cfg: SelectionConfig,
) -> tuple[list[ChosenLabel], Selection]:
    """Choose again, with the segmenter's vote.

    Args:
        labels: N labels of a batch, as selection chose them.
        bags: their bags.
        selection: what chose them, by consensus.
        instances: what the segmenter finds in each image of the batch.
        cfg: what the vote weighs, and which proposals may be chosen.

    Returns:
        The labels and the selection after the vote. Scores are means of the expected IoU and the
        vote, in [0, 1]; an object at whose click nothing was found, or that has no choice, keeps
        what it had.
    """
    weight = cfg.consensus.segmenter_weight
    if not labels or not weight:
        return list(labels), selection
    votes = segmenter_votes(labels, instances, bags.num_proposals).to(selection.scores)
    members = bag_members(bags, cfg)
    joint = (selection.scores + weight * votes) / (1 + weight) * members
    asked = votes.any(1) & (members.sum(1) > 1)
    scores = torch.where(asked[:, None], joint, selection.scores)
    index = torch.where(asked, joint.argmax(1), selection.index)
    boxes = bags.boxes.take_along_dim(index[:, None, None], dim=1).squeeze(1)
    moved = [
        replace(label, index=place) for label, place in zip(labels, index.tolist(), strict=True)
    ]
    return moved, replace(selection, index=index, boxes=boxes, scores=scores)


def segmenter_votes(
    labels: Sequence[ChosenLabel], instances: Sequence[Predictions], num_proposals: int
) -> Tensor:
    """How well the proposals of each object fit what the segmenter finds at its click.

    Args:
        labels: N labels of a batch.
        instances: what the segmenter finds in each image of the batch, original frame.
        num_proposals: K, at least as many as any object has.

    Returns:
        (N, K) float32 in [0, 1]: mean IoU with the instances of the object's category that cover
        its click, weighted by their scores; 0 where there are none.
    """
    votes = np.zeros((len(labels), num_proposals), np.float32)
    for image_index, found in enumerate(instances):
        own = [n for n, label in enumerate(labels) if label.image_index == image_index]
        weights = _weights([labels[n] for n in own], found)
        counted = weights.any(1)
        if not counted.any():
            continue
        proposals = [labels[n].stored.proposals.rles for n in own]
        ious = rle_iou(
            list(chain.from_iterable(proposals)), encode_masks(found.masks.cpu().numpy()[counted])
        )
        ends = np.cumsum([len(rles) for rles in proposals])
        for n, weight, overlap in zip(
            own, weights[counted].T, np.split(ious, ends[:-1]), strict=True
        ):
            votes[n, : len(overlap)] = overlap @ weight / max(weight.sum(), np.finfo(float).tiny)
    return torch.from_numpy(votes)


def _weights(labels: Sequence[ChosenLabel], found: Predictions) -> np.ndarray:
    """(P, n) float64 scores of P instances, 0 where an instance has no say on an object."""
    if not labels or not len(found):
        return np.zeros((len(found), len(labels)))
    height, width = found.masks.shape[1:]
    points = np.array([label.stored.click.point for label in labels])
    columns, rows = np.minimum(points, (width - 1, height - 1)).astype(int).T
    covers = found.masks[:, torch.from_numpy(rows), torch.from_numpy(columns)].cpu().numpy()
    wanted = np.array([label.label for label in labels])
    same_label = found.labels.cpu().numpy()[:, None] == wanted
    weights: np.ndarray = found.scores.cpu().double().numpy()[:, None] * (covers & same_label)
    return weights
