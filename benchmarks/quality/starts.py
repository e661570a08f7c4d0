"""AP on held-out images after few steps, by what the training starts from.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.starts --sets sets --out runs/starts \
        --json benchmarks/results/starts.json

Reads folders with `images/train`, `images/val`, `instances_train.json` and `instances_val.json`.
For each set, supervision, start and number of steps it trains the recipe `small_images_cpu` with a
rate that falls to 0 at the last step, predicts the val images and scores them. Supervision:
`masks`, the true ones; `clicks`, drawn from the masks, end to end; `top1`, the proposer's own
choices for these clicks; `labels`, those of a first stage that trains the selection alone, as masks
of a second one. Every step is a command in a process of its own. Finished ones are not repeated,
and the json is written after each.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from benchmarks.quality.trial import sapnet
from sapnet.data.coco import load_instances
from sapnet.evaluation.evaluate import evaluate
from sapnet.recipes.load import load_recipe
from sapnet.system.files import write_json_atomic

SETS = ("balloon", "nuclei", "facade")
SUPERVISIONS = ("masks", "clicks", "top1", "labels")
STARTS = ("embedded", "imagenet", "none")
RECIPE = "small_images_cpu"

LABEL_STEPS = 400
"""Steps of the first stage of `labels`; it begins as the second does."""

FIGURES = ("mask_ap", "mask_ap50", "mask_ap75")


def main() -> None:
    """Measure what is not measured yet, print and write the figures."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "required": True, "help": "folder of the data sets"},
        out={"type": Path, "required": True, "help": "folder of all files"},
        names={"nargs": "+", "default": list(SETS), "help": "sets to measure"},
        supervisions={"nargs": "+", "choices": SUPERVISIONS, "default": list(SUPERVISIONS)},
        starts={"nargs": "+", "choices": STARTS, "default": list(STARTS)},
        steps={"type": int, "nargs": "+", "default": [100, 400, 1600]},
        seeds={"type": int, "nargs": "+", "default": [0]},
        proposer={"default": "click", "help": "proposer of the clicks"},
        checkpoint={"help": "weights of the proposer"},
        label_steps={"type": int, "default": LABEL_STEPS, "help": "of the first stage of `labels`"},
        options={"default": "", "help": "flags of `sapnet train` after the recipe"},
    )
    rows: list[dict[str, Any]] = []
    for name in args.names:
        for supervision in args.supervisions:
            for steps in args.steps:
                for start in args.starts:
                    for seed in args.seeds:
                        rows.append(trial(args, name, (supervision, start, steps, seed)))
                        report(args, rows)
    head = list(rows[0])
    print(table(head, [[row[key] for key in head] for row in rows]))


def report(args: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Write the figures of the trials so far."""
    summary = {
        f"{row['set']} {row['supervision']} {row['start']} {row['asked']} steps {name}": row[name]
        for row in rows
        for name in ("mask_ap", "mask_ap50")
        if row["seed"] == rows[0]["seed"]
    }
    write_json(args.json, summary, setting(**given_options(args)), rows)


def trial(args: argparse.Namespace, name: str, kind: tuple[str, str, int, int]) -> dict[str, Any]:
    """Train once from a start, predict the val images and score them.

    Args:
        args: the options.
        name: name of the set.
        kind: supervision, start, wanted steps and seed.
    """
    supervision, start, steps, seed = kind
    data, folder = args.sets / name, args.out / name / f"{supervision}_{start}_{steps}_{seed}"
    path = folder / "figures.json"
    if path.is_file():
        done: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return done
    epochs, per_epoch = length(data, steps)
    words = ["--epochs", epochs, "--seed", seed, "--model.start", start, *args.options.split()]
    run = folder / "run"
    seconds = train(folder, run, [*words, *source(args, name, supervision, start)])
    predicted = folder / "predictions"
    words = ["--run", run, "--images", data / "images" / "val", "--out", predicted]
    words += ["--device", "cpu", "--no-pictures"]
    truth = data / "instances_val.json"
    sapnet(folder / "predict.log", "predict", *words)
    scores = evaluate(truth, predictions=predicted / "results.json")
    row = {
        "set": name,
        "supervision": supervision,
        "start": start,
        "asked": steps,
        "steps": epochs * per_epoch,
        "seed": seed,
        "seconds": round(seconds),
        **{figure: scores[figure] for figure in FIGURES},
    }
    write_json_atomic(path, row)
    return row


def length(data: Path, steps: int) -> tuple[int, int]:
    """Return the number of epochs nearest to a number of steps, and the steps of one."""
    images = len(load_instances(data / "instances_train.json").images)
    per_epoch = math.ceil(images / load_recipe(RECIPE)["batch_size"])
    return max(1, round(steps / per_epoch)), per_epoch


def train(folder: Path, run: Path, words: list[Any]) -> float:
    """Train with the recipe; return the seconds by the clock."""
    own = ("--config", RECIPE, "--device", "cpu", "--workers", 1, "--out", run)
    return sapnet(folder / "train.log", "train", *own, *words)


def source(args: argparse.Namespace, name: str, supervision: str, start: str) -> list[Any]:
    """Return the options of `sapnet train` that name images and masks or proposals."""
    data = args.sets / name
    images = ["--images", data / "images" / "train"]
    if supervision == "masks":
        truth = data / "instances_train.json"
        return [*images, "--supervision", "masks", "--masks", truth]
    store = propose(args, name)
    if supervision in ("clicks", "top1"):
        return [*images, "--proposals", store, "--supervision", supervision]
    return [*images, "--supervision", "masks", "--masks", first_stage(args, name, start, store)]


def propose(args: argparse.Namespace, name: str) -> Path:
    """Draw clicks from the true masks and propose masks for them; return the store."""
    data, folder = args.sets / name, args.out / name
    clicks, store = folder / "clicks.json", folder / "store"
    truth = data / "instances_train.json"
    if not clicks.is_file():
        sapnet(folder / "points.log", "points", "--truth", truth, "--out", clicks)
    words = ["--images", data / "images" / "train", "--clicks", clicks, "--out", store]
    words += ["--proposer", args.proposer, "--workers", 1]
    words += [] if args.checkpoint is None else ["--checkpoint", args.checkpoint]
    sapnet(folder / "propose.log", "propose", *words)
    return store


def first_stage(args: argparse.Namespace, name: str, start: str, store: Path) -> Path:
    """Train the selection alone and return its labels of the training images."""
    data, folder = args.sets / name, args.out / name / f"first_stage_{start}"
    labels = folder / "labels.json"
    if labels.is_file():
        return labels
    images = data / "images" / "train"
    epochs, _ = length(data, args.label_steps)
    words = ["--epochs", epochs, "--model.segmenter", "false", "--model.start", start]
    words += [*args.options.split(), "--images", images, "--proposals", store]
    train(folder, folder / "run", words)
    words = ["--run", folder / "run", "--images", images, "--proposals", store]
    sapnet(folder / "label.log", "label", *words, "--device", "cpu", "--out", labels)
    figures = evaluate(data / "instances_train.json", labels=labels, proposals=store)
    write_json_atomic(folder / "figures.json", figures)
    return labels


if __name__ == "__main__":
    main()
