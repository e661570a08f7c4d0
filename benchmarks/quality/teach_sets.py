"""Masks for clicks after fine-tuning the click segmenter on a few images of a set.

For each set and number of train images: the mean IoU of val objects with the favourite, and with
the best of all masks that are kept. Smaller numbers of images are parts of larger ones.

    python -m benchmarks.quality.teach_sets --sets SETS --out WEIGHTS --json results.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import parse_arguments, setting, table, write_json
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.proposals.click.weights import load_weights
from sapnet.system.files import write_json_atomic
from sapnet.teaching.options import EMBEDDED, TUNE_STEPS, TrainProposerConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject
from sapnet.teaching.run import starting_weights, train_proposer
from sapnet.teaching.tuning.judging import judge

COUNTS = (0, 5, 20, 60)
"""Train images."""

HEAD = ("set", "images", "favourite", "best", "CPU s")

MINUTES = 120.0
"""Limit of a fine-tuning: on a busy machine the steps end it, too."""


def main() -> None:
    """Fine-tune on each set and number of images, judge on val, print and write the figures."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "required": True, "help": "folder of sets with train and val"},
        out={"type": Path, "required": True, "help": "folder of the weights; what is there stays"},
        counts={"type": int, "nargs": "*", "default": list(COUNTS), "help": "train images"},
        weights={"default": EMBEDDED, "help": "file to begin with, or embedded"},
        limit={"type": int, "default": 250, "help": "most val objects of a set, drawn"},
        steps={"type": int, "default": TUNE_STEPS, "help": "of each fine-tuning"},
        threads={"type": int, "default": 1, "help": "of torch"},
    )
    torch.set_num_threads(args.threads)
    folders = [path.parent for path in sorted(args.sets.glob("*/instances_val.json"))]
    vals = {folder: val_objects(folder) for folder in folders}
    rows: list[list[object]] = []
    summary: dict[str, float] = {}
    samples: dict[str, Any] = {}
    for count, folder in itertools.product(args.counts, folders):
        began = time.process_time()
        weights = taught_weights(folder, count, args)
        seconds = time.process_time() - began
        found = judge(load_weights(weights), vals[folder], args.limit)
        rows.append([folder.name, count, found.favourite, found.best, seconds])
        print(table(HEAD, rows[-1:]), flush=True)
        name = f"{folder.name}_{count}"
        summary |= {f"{name}_favourite": found.favourite, f"{name}_best": found.best}
        samples[name] = {"cpu_seconds": seconds, "objects": found.num_objects}
        own = {key: str(value) for key, value in vars(args).items() if value is not None}
        write_json(args.json, summary, setting(**own), samples)
    print(table(HEAD, sorted(rows, key=str)))


def taught_weights(folder: Path, count: int, args: argparse.Namespace) -> Path:
    """Weights after fine-tuning on some train images of a set; those begun with for none."""
    if count == 0:
        return starting_weights(args.weights)
    stem = args.out / f"{folder.name}_{count}"
    chosen = first_images(folder / "instances_train.json", count)
    cfg = TrainProposerConfig(
        data=(str(write_json_atomic(stem.with_suffix(".json"), chosen)),),
        images=folder / "images" / "train",
        out=stem.with_suffix(".safetensors"),
        start=args.weights,
        steps=args.steps,
        minutes=MINUTES,
        threads=args.threads,
        device="cpu",
    )
    return train_proposer(cfg).weights


def first_images(truth: Path, count: int) -> dict[str, Any]:
    """A COCO file of the first of its images in an order drawn with seed 0."""
    content = json.loads(truth.read_text(encoding="utf-8"))
    order = np.random.default_rng(0).permutation(len(content["images"]))[:count]
    images = [content["images"][place] for place in order]
    ids = {image["id"] for image in images}
    kept = [entry for entry in content["annotations"] if entry["image_id"] in ids]
    return {**content, "images": images, "annotations": kept}


def val_objects(folder: Path) -> list[MarkedImage]:
    """Val images of a set with their objects, each with a click near its middle."""
    truth = load_instances(folder / "instances_val.json")
    clicks = {click.annotation_id: click for click in sample_clicks(truth).clicks}
    grouped, found = truth.instances_by_image(), []
    for image in truth.images:
        objects = tuple(
            MarkedObject(
                rle=entry.rle(),
                box=np.array(entry.box),
                area=int(entry.area),
                weight=1.0,
                click=clicks[entry.annotation_id],
            )
            for entry in grouped[image.image_id]
            if entry.annotation_id in clicks
        )
        found.append(MarkedImage(folder / "images" / "val" / image.file_name, objects))
    return found


if __name__ == "__main__":
    main()
