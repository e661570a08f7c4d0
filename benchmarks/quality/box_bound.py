"""How tight a box should bound the selection: label mIoU by `model.selection.min_box_iou`.

    python -m benchmarks.quality.box_bound --run run --images photos --proposals store \
        --truth instances.json --slack 0 0.1 0.2 --limits 0 0.3 0.5 0.7 0.9

Gives every object of a store the box of its ground truth, each side moved at random by up to
`slack` of the box's size, as hasty people draw them, and chooses again with a trained run.
Proposals stay as they are: the box bounds the choice and is no prompt.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from sapnet import __version__
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
    """The batch as if its objects had come with boxes; the draw depends on the object alone."""
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


@torch.no_grad()
def label_miou(
    model: Network, args: argparse.Namespace, store: ProposalStore, slack: float
) -> list[float]:
    """Mean IoU of the labels for each limit."""
    boxes = {e.annotation_id: np.array(e.box) for e in load_instances(args.truth).instances}
    ious = proposal_ious(store, args.truth)
    dataset = ClickDataset(
        args.images, store, DatasetConfig(augment=model.settings.augment), train=False
    )
    translate = label_translation(model, store)
    found: list[list[float]] = [[] for _ in args.limits]
    selection = model.selection.cfg
    with evaluating(model):
        for batch in tqdm(build_loader(dataset, 8, workers=1), desc=f"slack {slack}"):
            moved = with_boxes(translate(batch.to(model.device)), store, boxes, slack)
            for place, limit in enumerate(args.limits):
                model.selection.cfg = replace(selection, min_box_iou=limit)
                if moved.bags is not None:
                    ids = moved.bags.annotation_ids.tolist()
                    found[place] += _chosen(ious, ids, model.select(moved).index.tolist())
    model.selection.cfg = selection
    return [float(np.mean(values)) for values in found]


def _chosen(ious: dict[int, np.ndarray], ids: Sequence[int], index: Sequence[int]) -> list[float]:
    return [float(ious[i][k]) for i, k in zip(ids, index, strict=True)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("--run", "--images", "--proposals", "--truth"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--slack", type=float, nargs="+", default=[0.0, 0.1, 0.2])
    parser.add_argument("--limits", type=float, nargs="+", default=[0.0, 0.3, 0.5, 0.7, 0.9])
    args = parser.parse_args()
    model, store = load_model(args.run, "cpu"), ProposalStore(args.proposals)
    print(f"sapnet {__version__}, torch {torch.__version__}, {len(store)} objects of {store.path}")
    print("slack  " + "  ".join(f"{limit:6.2f}" for limit in args.limits))
    for slack in args.slack:
        row = label_miou(model, args, store, slack)
        print(f"{slack:5.2f}  " + "  ".join(f"{value:6.4f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
