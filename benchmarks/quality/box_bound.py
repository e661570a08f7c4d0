"""Label mIoU by `model.selection.min_box_iou`, for boxes of several precisions.

    python -m benchmarks.quality.box_bound --run run --images photos --proposals store \
        --truth instances.json --slack 0 0.1 0.2 --limits 0 0.3 0.5 0.7 0.9

Every object of a store gets the box of its ground truth. Each side is moved at random by up to
`slack` of the box's size, as if it was drawn in haste. A trained run then chooses again. Proposals
stay as they are: the box limits the choice and is no prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from sapnet.batches.dataset import ClickDataset, DatasetConfig
from sapnet.batches.loader import build_loader
from sapnet.data.coco import load_instances
from sapnet.evaluation.proposals import proposal_ious
from sapnet.geometry.boxes import broadcast_iou
from sapnet.labelling.label import label_translation
from sapnet.network.loading import load_model
from sapnet.network.model import Network, evaluating
from sapnet.store.reader import ProposalStore
from sapnet.structures.batch import Batch


def with_boxes(
    batch: Batch, store: ProposalStore, boxes: dict[int, np.ndarray], slack: float
) -> Batch:
    """Return the batch as if its objects had come with boxes.

    The random draw depends on the id of the object alone.
    """
    bags = batch.bags
    if bags is None:
        return batch
    box_iou = torch.ones_like(bags.box_iou)
    for n, annotation_id in enumerate(bags.annotation_ids.tolist()):
        box = boxes[annotation_id]
        size = np.tile(box[2:] - box[:2], 2)
        moved = box + slack * size * np.random.default_rng(annotation_id).uniform(-1, 1, 4)
        proposals = torch.from_numpy(store.find(annotation_id).proposals.boxes)
        box_iou[n, : len(proposals)] = broadcast_iou(proposals, torch.tensor(moved).float())
    return replace(batch, bags=replace(bags, box_iou=box_iou))


@dataclass(frozen=True)
class LabelledSet:
    """Images with their proposals and ground truth."""

    images: Path
    store: ProposalStore
    truth: Path


@torch.no_grad()
def label_miou(
    model: Network, labelled: LabelledSet, slack: float, limits: Sequence[float]
) -> list[float]:
    """Return the mean IoU of the labels for each limit."""
    store, truth = labelled.store, labelled.truth
    boxes = {e.annotation_id: np.array(e.box) for e in load_instances(truth).instances}
    ious = proposal_ious(store, truth)
    dataset = ClickDataset(
        labelled.images, store, DatasetConfig(augment=model.settings.augment), train=False
    )
    translate = label_translation(model, store)
    found: list[list[float]] = [[] for _ in limits]
    selection = model.selection.cfg
    with evaluating(model):
        for batch in tqdm(build_loader(dataset, 8, workers=1), desc=f"slack {slack}"):
            moved = with_boxes(translate(batch.to(model.device)), store, boxes, slack)
            for place, limit in enumerate(limits):
                model.selection.cfg = replace(selection, min_box_iou=limit)
                if moved.bags is not None:
                    ids = moved.bags.annotation_ids.tolist()
                    found[place] += _chosen(ious, ids, model.select(moved).index.tolist())
    model.selection.cfg = selection
    return [float(np.mean(values)) for values in found]


def _chosen(ious: dict[int, np.ndarray], ids: Sequence[int], index: Sequence[int]) -> list[float]:
    return [float(ious[i][k]) for i, k in zip(ids, index, strict=True)]


def main() -> None:
    """Measure, print and write the figures."""
    args = parse_arguments(
        __doc__,
        run={"type": Path, "required": True, "help": "run folder written by sapnet train"},
        images={"type": Path, "required": True, "help": "folder of the images"},
        proposals={"type": Path, "required": True, "help": "their proposal store"},
        truth={"type": Path, "required": True, "help": "their COCO instance json"},
        slack={"type": float, "nargs": "+", "default": [0.0, 0.1, 0.2]},
        limits={"type": float, "nargs": "+", "default": [0.0, 0.3, 0.5, 0.7, 0.9]},
    )
    model, store = load_model(args.run, "cpu"), ProposalStore(args.proposals)
    labelled = LabelledSet(args.images, store, args.truth)
    rows = {slack: label_miou(model, labelled, slack, args.limits) for slack in args.slack}
    print(f"{len(store)} objects of {store.path}")
    head = ["slack", *(f"{limit:g}" for limit in args.limits)]
    print(table(head, [[slack, *(f"{x:.4f}" for x in row)] for slack, row in rows.items()]))
    summary = {
        f"slack {slack} limit {limit} label_miou": value
        for slack, row in rows.items()
        for limit, value in zip(args.limits, row, strict=True)
    }
    used = setting(**given_options(args), objects=len(store))
    write_json(args.json, summary, used, {str(slack): row for slack, row in rows.items()})


if __name__ == "__main__":
    main()
