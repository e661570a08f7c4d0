"""How likely a label is wrong: one number per label, for ordering what a person should look at.

Two judges that saw the image in different ways are asked how far they agree with the chosen mask.
Selection knows the click and its candidates: its judgement is the expected IoU of the chosen mask,
with the scores of both stages as the probabilities that a candidate is the object. The segmenter
knows neither: its judgement is the best IoU of its instances of that category. The uncertainty is
one minus the mean of the two. Variants and figures: docs/notebook.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sapnet.geometry.rle import encode_masks, rle_iou
from sapnet.selection.config import ConsensusConfig
from sapnet.selection.consensus import expected_iou
from sapnet.selection.scoring import bag_members, join_stages
from sapnet.store.describe import CLICKED_PIXEL

if TYPE_CHECKING:
    from sapnet.selection.config import SelectionConfig
    from sapnet.store.reader import ProposalStore
    from sapnet.structures.batch import Bags
    from sapnet.structures.masks import RLE
    from sapnet.structures.outputs import Predictions, Selection
    from sapnet.structures.proposals import StoredObject


UNTEMPERED = ConsensusConfig(power=1.0, max_spread=float("inf"))
"""Scores as probabilities, as they are. The choice tempers them, to be safe against one score that
outvotes all; here the tempered ones would tell less of how sure selection is."""


@dataclass(frozen=True)
class ChosenLabel:
    """The mask chosen for one object.

    Attributes:
        stored: the object with its candidates.
        index: place of the chosen one among them.
        image_index: the object's image in its batch.
        label: class index of the network that chose.
    """

    stored: StoredObject
    index: int
    image_index: int
    label: int

    @property
    def rle(self) -> RLE:
        """The chosen mask, original frame."""
        return self.stored.proposals.rles[self.index]


def chosen_labels(bags: Bags, selection: Selection, store: ProposalStore) -> list[ChosenLabel]:
    """What selection chose for the N objects of a batch, with their candidates.

    Args:
        bags: N bags; their labels are the network's.
        selection: what was chosen from them.
        store: the store the bags were made of.

    Returns:
        N labels in the order of the bags.
    """
    columns = (bags.annotation_ids, selection.index, bags.image_index, bags.labels)
    return [
        ChosenLabel(store.find(annotation_id), index, image_index, label)
        for annotation_id, index, image_index, label in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def uncertainty(
    labels: Sequence[ChosenLabel],
    bags: Bags,
    selection: Selection,
    instances: Sequence[Predictions] | None,
    cfg: SelectionConfig,
) -> np.ndarray:
    """How likely each label is wrong.

    Args:
        labels: N labels of a batch.
        bags: their bags.
        selection: what was chosen from them.
        instances: what the segmenter finds in each image of the batch; None without a segmenter,
            selection then is the only judge.
        cfg: which proposals took part in selection.

    Returns:
        (N,) float64 in [0, 1]. 0 where the mask was given, 1 where nothing was proposed.
    """
    agreement = selection_agreement(bags, selection, cfg)
    if instances is not None:
        agreement = (agreement + segmenter_agreement(labels, instances)) / 2
    doubts: np.ndarray = np.clip(1 - agreement, 0, 1)
    for n, label in enumerate(labels):
        if label.stored.has_given_mask:
            doubts[n] = 0
        elif label.stored.proposals.prompts == (CLICKED_PIXEL,):
            doubts[n] = 1
    return doubts


def selection_agreement(bags: Bags, selection: Selection, cfg: SelectionConfig) -> np.ndarray:
    """Expected IoU of each chosen mask with its object, as far as selection can tell.

    Args:
        bags: N bags.
        selection: what was chosen from them.
        cfg: which proposals took part.

    Returns:
        (N,) float64 in [0, 1]; 1 in a bag of one.
    """
    scores = join_stages(selection.stage_scores)
    expected = expected_iou(bags.masks, scores, bag_members(bags, cfg), UNTEMPERED)
    chosen = expected.gather(1, selection.index[:, None]) if expected.numel() else expected[:, :0]
    agreement: np.ndarray = chosen.flatten().double().cpu().numpy()
    return agreement


def segmenter_agreement(
    labels: Sequence[ChosenLabel], instances: Sequence[Predictions]
) -> np.ndarray:
    """Best IoU of each chosen mask with the segmenter's instances of its category.

    Args:
        labels: N labels of a batch.
        instances: what the segmenter finds in each image of the batch, original frame.

    Returns:
        (N,) float64 in [0, 1]; 0 where it finds no instance of the category.
    """
    best = np.zeros(len(labels))
    for image_index, found in enumerate(instances):
        own = [n for n, label in enumerate(labels) if label.image_index == image_index]
        if not own or not len(found):
            continue
        ious = rle_iou([labels[n].rle for n in own], encode_masks(found.masks.cpu().numpy()))
        wanted = np.array([labels[n].label for n in own])
        same_label = found.labels.cpu().numpy() == wanted[:, None]
        best[own] = (ious * same_label).max(1)
    return best
