"""Label quality of top-1, MIL, SAPNet and sapnet+ on photographs, trained from scratch.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.photographs --coco coco --out runs/photographs \
        --json photographs.json

Reads a folder laid out as COCO: `train2017`, `val2017`, `annotations/instances_SPLIT.json` and
`points_SPLIT.json`; without the last, clicks are drawn from the masks. Proposes with `regions`,
trains selection alone on the training photographs, labels both splits and scores objects of at
least 1,024 px. Then it describes the choices: their sizes, their IoU beside that of a random choice
and the gain of categories that were clicked often. Finished parts are kept in `--out`.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import ROOT, given_options, parse_arguments, setting, table, write_json
from benchmarks.quality.trial import METHODS, ClickedSet, label_quality, sapnet
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
from sapnet.system.files import write_json_atomic

SPLITS = ("train2017", "val2017")

RECIPE = ROOT / "sapnet" / "recipes" / "small_images_cpu.yaml"
SMALL = "--model.backbone test_resnet --model.augment.short_sides [192]"
"""Flags with which a training of the recipe takes two minutes."""

OFTEN = 30
"""Least number of clicks of a category that was "clicked often"."""


def main() -> None:
    """Measure what is not measured yet, print and write the figures."""
    args = parse_arguments(
        __doc__,
        coco={"type": Path, "required": True, "help": "folder of the photographs"},
        out={"type": Path, "required": True, "help": "folder of all files"},
        config={"type": Path, "default": RECIPE, "help": "recipe of the training"},
        options={"default": SMALL, "help": "flags of `sapnet train` after the recipe"},
        epochs={"type": int, "default": 6},
        seeds={"type": int, "nargs": "+", "default": [0, 1, 2]},
        methods={"nargs": "+", "choices": METHODS, "default": list(METHODS)},
        min_area={"type": float, "default": 1024, "help": "smallest area of an object, px"},
    )
    sets = {split: propose(args.coco, args.out, split) for split in SPLITS}
    runs = [run(args, sets, method, seed) for method in args.methods for seed in args.seeds]
    rows = [mean_row(args, runs, method, split) for split in SPLITS for method in args.methods]
    head = list(rows[0])
    print(table(head, [[row[name] for name in head] for row in rows]))
    summary = {f"{row['split']} {row['method']} label_miou": row["label_miou"] for row in rows}
    write_json(args.json, summary, setting(**given_options(args)), runs)


def propose(coco: Path, out: Path, split: str) -> ClickedSet:
    """Propose masks for a split's clicks."""
    images, truth = coco / split, coco / "annotations" / f"instances_{split}.json"
    clicks, store = coco / f"points_{split}.json", out / split / "store"
    if not clicks.is_file():
        clicks = out / split / "clicks.json"
        sapnet(out / split / "points.log", "points", "--truth", truth, "--out", clicks)
    files = ("--images", images, "--clicks", clicks, "--out", store)
    sapnet(out / split / "propose.log", "propose", *files, "--proposer", "regions", "--workers", 1)
    return ClickedSet(images, truth, store)


def run(
    args: argparse.Namespace, sets: dict[str, ClickedSet], method: str, seed: int
) -> dict[str, Any]:
    """Train once; return the figures of both splits and of the choices."""
    folder = args.out / f"{method}_{seed}"
    options = (
        "--config",
        args.config,
        *args.options.split(),
        "--epochs",
        args.epochs,
        "--seed",
        seed,
    )
    train = sets["train2017"]
    figures = label_quality(folder, train, sets, (*options, *METHODS[method]), args.min_area)
    path = folder / "choices.json"
    if not path.is_file():
        often = often_clicked(sets["train2017"])
        looks = {
            split: look_at_choices(
                folder / f"labels_{split}.json", sets[split], often, args.min_area
            )
            | {"right_class": class_accuracy(folder / "run", sets[split])}
            for split in SPLITS
        }
        write_json_atomic(path, looks)
    choices = json.loads(path.read_text(encoding="utf-8"))
    return {"method": method, "seed": seed, **figures, "choices": choices}


def often_clicked(clicked: ClickedSet) -> set[int]:
    """Return the ids of the categories with at least `OFTEN` clicks."""
    judged = judge_proposals(clicked.store, clicked.truth)
    counts = Counter(entry.instance.category_id for entry in judged)
    return {category_id for category_id, count in counts.items() if count >= OFTEN}


def look_at_choices(
    labels: Path, clicked: ClickedSet, often: set[int], min_area: float
) -> dict[str, float]:
    """Describe the choices of a file of labels.

    Args:
        labels: file written by `sapnet label`.
        clicked: the set that was labelled.
        often: ids of the categories that were clicked often.
        min_area: smallest area of an object that counts, px.

    Returns:
        "random": mean IoU of all proposals of a bag; "same": share of the labels that are the
        proposer's own choice; "too_small" and "too_large": shares of the labels below half and
        above twice the true area; "often": mean IoU of the categories clicked often. `top1_` before
        a name: the same of the proposer's own choice.
    """
    chosen = load_labels(labels).labels
    rows = []
    for entry in judge_proposals(clicked.store, clicked.truth, min_area):
        proposals = entry.stored.proposals
        if len(entry.ious) == 0:
            continue
        top1 = int(proposals.scores.argmax())
        label = chosen[entry.instance.annotation_id].rle
        index = int(rle_iou([label], proposals.rles)[0].argmax())
        sizes = rle_areas([label, proposals.rles[top1]]) / rle_areas([entry.gt_rle])[0]
        known = entry.instance.category_id in often
        ious = entry.ious[[index, top1]]
        rows.append([entry.ious.mean(), index == top1, *sizes, known, *ious])
    random, same, size, top1_size, known, iou, top1_iou = np.array(rows, float).T
    return {
        "random": float(random.mean()),
        "same": float(same.mean()),
        "too_small": float((size < 0.5).mean()),
        "too_large": float((size > 2).mean()),
        "top1_too_small": float((top1_size < 0.5).mean()),
        "top1_too_large": float((top1_size > 2).mean()),
        "often": float(iou[known == 1].mean()),
        "top1_often": float(top1_iou[known == 1].mean()),
    }


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


def mean_known(values: Iterable[float | None]) -> float:
    """Return the mean of the figures that are not null; NaN without any.

    The json has null where no object counts.
    """
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else math.nan


def mean_row(
    args: argparse.Namespace, runs: Sequence[dict[str, Any]], method: str, split: str
) -> dict[str, Any]:
    """Return a row of the table: means over the seeds, and the range of the label mIoU."""
    own = [run for run in runs if run["method"] == method]
    ious = [run[split]["label_miou"] for run in own]
    names = ("top1_miou", "oracle_miou", "label_miou_medium", "label_miou_large")
    looks = own[0]["choices"][split]
    return {
        "split": split,
        "method": method,
        "seeds": len(args.seeds),
        "label_miou": mean_known(ious),
        "lowest": min(ious),
        "highest": max(ious),
        **{name: mean_known(run[split][name] for run in own) for name in names},
        **{n: mean_known(run["choices"][split][n] for run in own) for n in looks},
    }


if __name__ == "__main__":
    main()
