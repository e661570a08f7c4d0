"""The choices of a method: their sizes, and what they have in common with a random draw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch

from benchmarks.quality.trial import ClickedSet
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.evaluation.label_file import load_labels
from sapnet.evaluation.proposals import judge_proposals
from sapnet.geometry.rle import rle_areas, rle_iou
from sapnet.labelling.label import label_translation
from sapnet.network.loading import load_model
from sapnet.network.model import evaluating
from sapnet.selection.heads import MilLogits
from sapnet.selection.scoring import bag_membership, score_bags
from sapnet.store.reader import ProposalStore

OFTEN = 30
"""Least number of clicks of a category that was "clicked often"."""


def often_clicked(clicked: ClickedSet) -> set[int]:
    """Return the ids of the categories with at least `OFTEN` clicks."""
    judged = judge_proposals(clicked.store, clicked.truth)
    counts = Counter(entry.instance.category_id for entry in judged)
    return {category_id for category_id, count in counts.items() if count >= OFTEN}


def look_at_choices(
    labels: Path, clicked: ClickedSet, often: set[int], min_area: float
) -> dict[str, float | None]:
    """Describe the choices of a file of labels.

    Args:
        labels: file written by `sapnet label`.
        clicked: the set that was labelled.
        often: ids of the categories that were clicked often.
        min_area: smallest area of an object that counts, px.

    Returns:
        "random": mean IoU of all proposals of a bag; "same": share of the labels that are the
        proposer's own choice; "too_small" and "too_large": shares of the labels below half and
        above twice the true area; "often": mean IoU of the categories clicked often, None without
        one. `top1_` before a name: the same of the proposer's own choice.
    """
    chosen = load_labels(labels).labels
    rows = []
    for entry in judge_proposals(clicked.store, clicked.truth, min_area):
        proposals = entry.stored.proposals
        label = chosen.get(entry.instance.annotation_id)
        if len(entry.ious) == 0 or label is None:
            continue
        top1 = int(proposals.scores.argmax())
        index = int(rle_iou([label.rle], proposals.rles)[0].argmax())
        sizes = rle_areas([label.rle, proposals.rles[top1]]) / rle_areas([entry.gt_rle])[0]
        known = entry.instance.category_id in often
        ious = entry.ious[[index, top1]]
        rows.append([entry.ious.mean(), index == top1, *sizes, known, *ious])
    random, same, size, top1_size, known, iou, top1_iou = np.array(rows, float).reshape(-1, 7).T
    return {
        "random": _mean(random),
        "same": _mean(same),
        "too_small": _mean(size < 0.5),
        "too_large": _mean(size > 2),
        "top1_too_small": _mean(top1_size < 0.5),
        "top1_too_large": _mean(top1_size > 2),
        "often": _mean(iou[known == 1]),
        "top1_often": _mean(top1_iou[known == 1]),
    }


def _mean(values: np.ndarray) -> float | None:
    """Return the mean; None, which json can hold, without any value."""
    return float(values.mean()) if len(values) else None


@torch.no_grad()
def class_accuracy(run: Path, clicked: ClickedSet) -> float:
    """Return the share of all bags whose best class after the first stage is the clicked one."""
    model, store = load_model(run, "cpu"), ProposalStore(clicked.store)
    data_cfg = DatasetConfig(augment=model.settings.augment)
    dataset = ClickDataset(clicked.images, store, data_cfg, train=False)
    translate, branch = label_translation(model, store), model.selection
    logits: list[MilLogits] = []
    branch.selection.register_forward_hook(lambda *call: logits.append(call[-1]))
    right: list[bool] = []
    with evaluating(model):
        for batch in map(translate, build_loader(dataset, 8, workers=1)):
            if batch.bags is None:
                continue
            model.select(batch)
            scores = score_bags(
                *logits.pop(), bag_membership(batch.bags, branch.cfg).members, "softmax"
            )
            right += (scores.bags.argmax(1) == batch.bags.labels).tolist()
    return float(np.mean(right))
