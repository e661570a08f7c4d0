"""Quality of the selection: labels compared with the proposals they were chosen from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from sapnet.data.coco import InstanceSet
from sapnet.evaluation.alignment import truth_for_choices
from sapnet.evaluation.ground_truth import open_truth
from sapnet.evaluation.judged import JudgedObject, judge_aligned, label_iou
from sapnet.evaluation.label_file import LabelSet, load_labels
from sapnet.evaluation.mean_iou import mean_iou_by_size
from sapnet.geometry.boxes import broadcast_iou
from sapnet.geometry.rle import rle_areas, rle_boxes, rle_iou
from sapnet.store.views.whole import open_whole_store

if TYPE_CHECKING:
    from torch import Tensor

    from sapnet.store.reader import ProposalStore
    from sapnet.structures.clicks import RLE
    from sapnet.structures.proposals import Proposals
    from sapnet.system.locations import Location


@dataclass(frozen=True)
class _Choice:
    """Figures of one object.

    Attributes:
        mined_box_iou: of the box that selection ended with; None for a label without that box.
        kind: what made the chosen proposal; None without a label.
    """

    area: float
    label_iou: float
    top1_iou: float
    oracle_iou: float
    box_iou: float
    mined_box_iou: float | None
    gt_fill: float
    label_fill: float
    largest_fill: float
    kind: str | None


def evaluate_choices(
    labels: LabelSet | Path | str,
    store: ProposalStore | Location,
    truth: InstanceSet | Path | str,
    min_area: float = 0,
) -> dict[str, float]:
    """Compare labels with the proposer's own choice and the best possible one.

    Every non-crowd object of the store counts; one without a label has IoU 0.

    Args:
        labels: a file written by `sapnet label`.
        store: the store the labels were chosen from, or its folder or URL; read image by image.
        truth: COCO instance json with the masks of the same objects.
        min_area: smaller objects are left out, pixels of the ground truth.

    Returns:
        `label_miou`, `top1_miou`, `oracle_miou` and `box_miou` (of the tight box of the chosen
        mask), each also `_small`, `_medium` and `_large`; if labels have them, the same of
        `mined_box_miou` (of the box that selection ended with, mIoU_box of Table 7); `gap`
        (Eq. 10); `share_<prompt>`, the share of labels made by each kind of prompt; `num_objects`
        and `num_missing`. NaN where nothing is counted.

    Raises:
        ValueError: an object is not in the ground truth, or labels and store are not of the same
            clicks.
    """
    label_set = labels if isinstance(labels, LabelSet) else load_labels(labels)
    proposals = open_whole_store(store)
    gt = truth_for_choices(label_set, proposals, open_truth(truth))
    choices = [_judge_choice(label_set, entry) for entry in judge_aligned(proposals, gt, min_area)]
    areas = np.array([choice.area for choice in choices])
    means: dict[str, float] = {}
    for name in ("label", "top1", "oracle", "box"):
        ious = np.array([getattr(choice, f"{name}_iou") for choice in choices])
        means |= mean_iou_by_size(ious, areas, f"{name}_miou")
    if any(choice.kind is not None and choice.mined_box_iou is not None for choice in choices):
        # A label without that box, such as one drawn in a review, has the box of its mask.
        mined = [c.box_iou if c.mined_box_iou is None else c.mined_box_iou for c in choices]
        means |= mean_iou_by_size(np.array(mined), areas, "mined_box_miou")
    return {
        **means,
        "gap": fill_gap(
            np.array([choice.gt_fill for choice in choices]),
            np.array([choice.label_fill for choice in choices]),
            np.array([choice.largest_fill for choice in choices]),
        ),
        **_shares([choice.kind for choice in choices if choice.kind is not None]),
        "num_objects": len(choices),
        "num_missing": sum(choice.kind is None for choice in choices),
    }


def mask_fill(rles: Sequence[RLE]) -> np.ndarray:
    """R of Eq. (10): the share of a mask's tight box that the mask covers.

    Args:
        rles: K masks.

    Returns:
        (K,) float64 in [0, 1]; 0 for an empty mask.
    """
    boxes = rle_boxes(rles).astype(float)
    box_areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    fill: np.ndarray = rle_areas(rles) / np.maximum(box_areas, 1)
    return fill


def fill_gap(gt_fill: np.ndarray, label_fill: np.ndarray, largest_fill: np.ndarray) -> float:
    """Compute the paper's gap statistic, Eq. (10), on objects that fill their box.

    Args:
        gt_fill: (N,) R of the ground truth.
        label_fill: (N,) R of the chosen mask.
        largest_fill: (N,) largest R of the bag.

    Returns:
        Mean of |R(gt) - R(chosen)| over the objects whose R(gt) exceeds the mean of
        `largest_fill`; NaN if there are none.
    """
    if len(gt_fill) == 0:
        return float("nan")
    counts = gt_fill > largest_fill.mean()
    return float(np.abs(gt_fill - label_fill)[counts].mean()) if counts.any() else float("nan")


def _judge_choice(labels: LabelSet, entry: JudgedObject) -> _Choice:
    label = labels.labels.get(entry.instance.annotation_id)
    chosen = [] if label is None else [label.rle]
    gt_box, *boxes = torch.from_numpy(rle_boxes([entry.gt_rle, *chosen])).double()
    mined = None if label is None else label.refined_box
    return _Choice(
        area=entry.instance.area,
        label_iou=label_iou(label, entry.gt_rle),
        top1_iou=entry.top1_iou,
        oracle_iou=entry.oracle_iou,
        box_iou=_iou(gt_box, boxes[0]) if boxes else 0.0,
        mined_box_iou=None if mined is None else _iou(gt_box, gt_box.new_tensor(mined)),
        gt_fill=float(mask_fill([entry.gt_rle])[0]),
        label_fill=float(mask_fill(chosen).max(initial=0)),
        largest_fill=float(mask_fill(entry.stored.proposals.rles).max(initial=0)),
        kind=None if label is None else kind_of(label.rle, entry.stored.proposals),
    )


def _iou(box: Tensor, other: Tensor) -> float:
    return float(broadcast_iou(box, other))


def kind_of(rle: RLE, proposals: Proposals) -> str:
    """Name the prompt of the proposal that is the label; "other" if it is none of them.

    Args:
        rle: the label's mask.
        proposals: that it was chosen from.
    """
    ious = rle_iou([rle], proposals.rles)[0]
    if len(ious) == 0 or ious.max() < 1:
        return "other"
    return proposals.prompts[int(ious.argmax())]


def _shares(kinds: Sequence[str]) -> dict[str, float]:
    """Share of each kind, by name; letters, digits and underscores only in the key."""
    names = [re.sub(r"\W+", "_", kind) for kind in kinds]
    return {f"share_{name}": names.count(name) / len(names) for name in sorted(set(names))}
