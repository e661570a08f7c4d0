"""The uncertainty of labels: one number per label, higher if it is more likely wrong.

It orders the labels for review. Where the proposer's own scores count in the choice, because they
are known to be worth it, the own score of the chosen mask is the best judge, and the only one: the
uncertainty is one minus a power of it, which is about the IoU to expect.

Elsewhere two judges that saw the image in different ways rate the chosen mask. Selection sees the
click and its candidates: its rating is the expected IoU of the chosen mask, with the scores of all
stages as the probabilities that a candidate is the object. The segmenter sees neither: its rating
is the best IoU of its instances of that category. The uncertainty is one minus the mean of the two.
Variants and figures: docs/notebook.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sapnet.selection.config import ConsensusConfig
from sapnet.selection.consensus import expected_iou
from sapnet.selection.scoring import join_stages
from sapnet.store.describe import CLICKED_PIXEL

if TYPE_CHECKING:
    from sapnet.labelling.choice import ChosenLabel, InstanceOverlap
    from sapnet.structures.batch import Bags
    from sapnet.structures.outputs import Selection


UNTEMPERED = ConsensusConfig(power=1.0, max_spread=float("inf"))
"""Scores as probabilities, as they are. The choice tempers them, so that no single score outvotes
all others; tempered scores would tell less about how sure selection is."""


OWN_POWER = 0.4
"""Of the own scores of `click`, which are votes: to this power their mean is the mean IoU of the
first choices within 0.02 on COCO, nuclei and facade, and 0.1 below it on balloon."""


def uncertainty(
    labels: Sequence[ChosenLabel],
    bags: Bags,
    selection: Selection,
    consensus: ConsensusConfig | None = None,
) -> np.ndarray:
    """Compute how likely each label is wrong.

    Without a segmenter, labels have no overlap and selection is the only judge.

    Args:
        labels: N labels of a batch.
        bags: their bags.
        selection: the selection that chose them.
        consensus: its settings; with a `prior_power`, the proposer's own scores decide.

    Returns:
        (N,) float64 in [0, 1]. 0 for a mask that was given, 1 for an object for which nothing was
        proposed.
    """
    by_own_scores = consensus is not None and bool(consensus.prior_power)
    agreement = selection_agreement(bags, selection)
    doubts = np.zeros(len(labels))
    for n, label in enumerate(labels):
        if label.stored.has_given_mask:
            doubts[n] = 0
        elif label.stored.proposals.prompts == (CLICKED_PIXEL,):
            doubts[n] = 1
        elif by_own_scores:
            doubts[n] = 1 - label.stored.proposals.scores[label.index] ** OWN_POWER
        elif label.overlap is None:
            doubts[n] = 1 - agreement[n]
        else:
            doubts[n] = 1 - (agreement[n] + segmenter_agreement(label.overlap, label.index)) / 2
    clipped: np.ndarray = np.clip(doubts, 0, 1)
    return clipped


def selection_agreement(bags: Bags, selection: Selection) -> np.ndarray:
    """Compute the IoU of each chosen mask with its object that selection expects.

    Args:
        bags: N bags.
        selection: the choice from them.

    Returns:
        (N,) float64 in [0, 1]; 1 in a bag of one.
    """
    scores = join_stages(selection.stage_scores)
    expected = expected_iou(bags.masks, scores, selection.members, UNTEMPERED)
    chosen = expected.gather(1, selection.index[:, None]) if expected.numel() else expected[:, :0]
    agreement: np.ndarray = chosen.flatten().double().cpu().numpy()
    return agreement


def segmenter_agreement(overlap: InstanceOverlap, index: int) -> float:
    """Return the best IoU of a candidate with the segmenter's instances of its category.

    Args:
        overlap: of the object's candidates.
        index: the candidate.

    Returns:
        In [0, 1]; 0 without an instance of the category.
    """
    return float(overlap.ious[index].max(initial=0))
