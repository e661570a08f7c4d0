"""Missing clicks: the loss, what marking images as partial saves, what is found again.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.dropped --sets sets --out runs/dropped \
        --json benchmarks/results/dropped.json

Drops a share of the clicks of the synthetic set and of real ones, drawn by a seed. Trains on what
is left with images that count as complete (what was not clicked is background) and as partial, and
on all clicks. Figures: mIoU of the labels of the clicks left, AP on held-out images, and of
`sapnet missed` the precision of its first 50 and the share of the dropped objects that it finds.
Finished steps are not repeated, and the json is written after each run.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from benchmarks.quality.trial import ClickedSet, kept, label_clicks, sapnet
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.data.coco import Instance, load_instances
from sapnet.evaluation.evaluate import evaluate
from sapnet.geometry.rle import rle_iou, to_rle
from sapnet.structures.clicks import RLE, ClickSet
from sapnet.system.files import read_json

SYNTHETIC = "synthetic"
TREATMENTS = ("complete", "partial")
ALL = "all clicks"

HIT_IOU = 0.5
"""Least IoU of a listed object with a dropped one of its category that counts as found."""

FIRST = 50
"""Objects of the list whose precision is measured: what a person looks at first."""


@dataclass(frozen=True)
class Data:
    """Images with ground truth, and held-out ones."""

    images: Path
    truth: Path
    val_images: Path
    val_truth: Path


def main() -> None:
    """Measure what is not measured yet, print and write the figures."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "help": "folder of real sets, laid out as `starts` reads them"},
        out={"type": Path, "required": True, "help": "folder of all files"},
        names={"nargs": "+", "default": [SYNTHETIC, "facade", "nuclei"], "help": "sets to measure"},
        shares={"type": float, "nargs": "+", "default": [0.3, 0.5], "help": "shares to drop"},
        seeds={"type": int, "nargs": "+", "default": [0], "help": "of the drop and the training"},
        epochs={"type": int, "default": 24, "help": "passes over the images"},
        images={"type": int, "default": 120, "help": "images of the synthetic set"},
        size={"type": int, "default": 128, "help": "side of the synthetic images, pixels"},
        options={"default": "", "help": "flags of `sapnet train` after the recipe"},
    )
    rows: list[dict[str, Any]] = []
    for name in args.names:
        data = synthetic(args) if name == SYNTHETIC else real(args.sets / name)
        for seed in args.seeds:
            for share, treatment in [
                (0.0, ALL),
                *((s, t) for s in args.shares for t in TREATMENTS),
            ]:
                rows.append(trial(args, data, (name, share, treatment, seed)))
                report(args, rows)
    head = list(rows[0])
    print(table(head, [[row[key] for key in head] for row in rows]))


def report(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Write the figures of the trials so far."""
    names = ("label_miou", "mask_ap", "missed_precision_50", "missed_found")
    summary = {
        f"{row['set']} -{row['dropped']:.0%} {row['images as']} seed {row['seed']} {name}": row[
            name
        ]
        for row in rows
        for name in names
    }
    write_json(args.json, summary, setting(**given_options(args)), rows)


def synthetic(args: argparse.Namespace) -> Data:
    """Draw the synthetic set and its held-out images, once."""
    folder = args.out / SYNTHETIC
    for part, number, seed in (("train", args.images, 1), ("val", max(args.images // 2, 1), 2)):
        if not (folder / part / "instances.json").is_file():
            drawing = ("--num-images", number, "--size", args.size, "--num-classes", 4)
            words = ("synthetic", "--out", folder / part, *drawing, "--seed", seed)
            sapnet(folder / f"draw_{part}.log", *words)
    train, val = folder / "train", folder / "val"
    return Data(train / "images", train / "instances.json", val / "images", val / "instances.json")


def real(folder: Path) -> Data:
    """Return the files of a real set."""
    images = folder / "images"
    files = (folder / "instances_train.json", folder / "instances_val.json")
    return Data(images / "train", files[0], images / "val", files[1])


def trial(
    args: argparse.Namespace, data: Data, kind: tuple[str, float, str, int]
) -> dict[str, Any]:
    """Train once on what is left, label, predict and look for what is missing.

    Args:
        args: the options.
        data: the set.
        kind: name of the set, dropped share, what images count as, and seed.
    """
    name, share, treatment, seed = kind
    folder = args.out / name / f"{share:.2f}_{seed}"
    run = folder / treatment.replace(" ", "_")

    def measure() -> dict[str, Any]:
        clicked = click(args, data, folder, (name, share, seed))
        common = ("--config", "small_images_cpu", "--device", "cpu", "--workers", 1)
        sizes = ("--model.augment.short_sides", f"[{args.size}]") if name == SYNTHETIC else ()
        files = ("--images", data.images, "--proposals", clicked.store, "--out", run / "run")
        unmarked = () if treatment == ALL else ("--unmarked", treatment)
        words = (*common, *files, "--epochs", args.epochs, "--seed", seed, *unmarked, *sizes)
        seconds = sapnet(run / "train.log", "train", *words, *args.options.split())
        return {
            "set": name,
            "dropped": share,
            "images as": treatment,
            "seed": seed,
            "train_seconds": round(seconds),
            **figures(data, clicked, folder, run),
        }

    asked = (*kind, args.epochs, args.images, args.size, args.options)
    return kept(run / "figures.json", asked, measure)


def click(
    args: argparse.Namespace, data: Data, folder: Path, kind: tuple[str, float, int]
) -> ClickedSet:
    """Draw the clicks, drop a share of them, and propose for the others; once for all runs."""
    del args
    name, share, seed = kind
    words = ("points", "--truth", data.truth, "--out", folder / "all.json", "--seed", 0)
    sapnet(folder / "points.log", *words)
    left = drop(load_clicks(folder / "all.json"), share, seed)
    save_clicks(folder / "left.json", left)
    proposer = "simulated" if name == SYNTHETIC else "click"
    source = ("--images", data.images, "--clicks", folder / "left.json", "--workers", 1)
    store = folder / "store"
    sapnet(folder / "propose.log", "propose", *source, "--out", store, "--proposer", proposer)
    return ClickedSet(data.images, data.truth, store)


def drop(clicks: ClickSet, share: float, seed: int) -> ClickSet:
    """Return the clicks without a random share of them; images without any left stay."""
    drawn = np.random.default_rng(seed).random(len(clicks.clicks)) >= share
    left = tuple(one for one, stays in zip(clicks.clicks, drawn, strict=True) if stays)
    return replace(clicks, clicks=left)


def figures(data: Data, clicked: ClickedSet, folder: Path, run: Path) -> dict[str, float | int]:
    """Score labels, predictions and the list of missed objects of a run."""
    labels = run / "labels.json"
    label_clicks(run / "run", clicked, labels)
    scores = evaluate(data.truth, labels=labels, proposals=clicked.store)
    predicted = run / "predictions"
    words = ("--run", run / "run", "--images", data.val_images, "--out", predicted)
    more = ("--device", "cpu", "--no-pictures")
    sapnet(run / "predict.log", "predict", *words, *more)
    scores |= evaluate(data.val_truth, predictions=predicted / "results.json")
    missed = run / "missed.json"
    words = ("--run", run / "run", "--labels", labels, "--images", data.images, "--out", missed)
    sapnet(run / "missed.log", "missed", *words, "--device", "cpu")
    names = ("label_miou", "mask_ap", "mask_ap50")
    return {**{name: scores[name] for name in names}, **score_missed(data, folder, missed)}


def score_missed(data: Data, folder: Path, missed: Path) -> dict[str, float | int]:
    """Compare the list of missed objects with the dropped ones.

    Each dropped object is found once, by the first of the list that shows it.
    """
    truth = load_instances(data.truth)
    left = {one.annotation_id for one in load_clicks(folder / "left.json").clicks}
    dropped = [i for i in truth.instances if i.annotation_id not in left and not i.is_crowd]
    of_image: dict[int, list[Instance]] = {}
    for instance in dropped:
        of_image.setdefault(instance.image_id, []).append(instance)
    hits, found = [], set[int]()
    for record in read_json(missed)["annotations"]:
        sizes = record["seen_mask"]["size"]
        hit = shown_by(
            to_rle(record["seen_mask"], *sizes),
            [
                i
                for i in of_image.get(record["image_id"], [])
                if i.category_id == record["category_id"] and i.annotation_id not in found
            ],
        )
        hits.append(hit is not None)
        found |= set() if hit is None else {hit}
    return {
        "missed_listed": len(hits),
        "missed_dropped": len(dropped),
        "missed_precision_50": round(float(np.mean(hits[:FIRST])), 4) if hits else 0.0,
        "missed_found": round(len(found) / len(dropped), 4) if dropped else 0.0,
        "missed_found_first": round(sum(hits[: len(dropped)]) / len(dropped), 4)
        if dropped
        else 0.0,
    }


def shown_by(mask: RLE, instances: list[Instance]) -> int | None:
    """Return the id of the object that a mask shows best; None if it shows none of them."""
    if not instances:
        return None
    ious = rle_iou([mask], [instance.rle() for instance in instances])[0]
    best = int(np.argmax(ious))
    return instances[best].annotation_id if ious[best] >= HIT_IOU else None


if __name__ == "__main__":
    main()
