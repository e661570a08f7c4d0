"""Masks for clicks after fine-tuning the click segmenter on a few images of a set.

For each set and number of train images: the mean IoU of val objects with the favourite, and with
the best of all masks that are kept. Smaller numbers of images are parts of larger ones.

    python -m benchmarks.quality.teach_sets --sets SETS --json results.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.common import parse_arguments, setting, table, write_json
from sapnet.data.coco import load_instances
from sapnet.data.sampling import sample_clicks
from sapnet.proposals.click.weights import load_weights
from sapnet.teaching.options import EMBEDDED, TUNE_STEPS, TrainProposerConfig
from sapnet.teaching.pool import MarkedImage, MarkedObject
from sapnet.teaching.run import starting_weights, train_proposer
from sapnet.teaching.tuning.judging import Judgement, judge

COUNTS = (0, 5, 20, 60)
"""Train images."""

MINUTES = 120.0
"""Limit of a fine-tuning: on a busy machine the steps end it, too."""


def main() -> None:
    """Fine-tune on each set and number of images, judge on val, print and write the figures."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "required": True, "help": "folder of sets with train and val"},
        names={"nargs": "*", "help": "names of the sets; by default all"},
        counts={"type": int, "nargs": "*", "default": list(COUNTS), "help": "train images"},
        weights={"default": EMBEDDED, "help": "file to begin with, or embedded"},
        limit={"type": int, "default": 250, "help": "most val objects of a set, drawn"},
        steps={"type": int, "default": TUNE_STEPS, "help": "of each fine-tuning"},
        threads={"type": int, "default": 1, "help": "of torch"},
    )
    torch.set_num_threads(args.threads)
    rows, summary, samples = [], {}, {}
    for folder in sorted(args.sets.iterdir()):
        if not (folder / "instances_val.json").is_file() or folder.name not in (
            args.names or [folder.name]
        ):
            continue
        val = val_objects(folder)
        for count in args.counts:
            with TemporaryDirectory() as scratch:
                began = time.process_time()
                weights = taught_weights(folder, count, Path(scratch), args)
                seconds = time.process_time() - began
                found = judge(load_weights(weights), val, args.limit)
            rows.append([folder.name, count, found.favourite, found.best, seconds])
            print(table(["set", "images", "favourite", "best", "CPU s"], rows[-1:]), flush=True)
            summary |= figures_of(f"{folder.name}_{count}", found)
            samples[f"{folder.name}_{count}"] = {
                "cpu_seconds": seconds,
                "objects": found.num_objects,
            }
            write_json(args.json, summary, setting(**vars_of(args)), samples)
    print(table(["set", "images", "favourite", "best", "CPU s"], rows))


def taught_weights(folder: Path, count: int, scratch: Path, args: argparse.Namespace) -> Path:
    """Weights after fine-tuning on some train images of a set; those begun with for none."""
    weights = str(args.weights)
    if count == 0:
        return starting_weights(weights)
    truth = scratch / "train.json"
    truth.write_text(json.dumps(first_images(folder / "instances_train.json", count)), "utf-8")
    cfg = TrainProposerConfig(
        data=(str(truth),),
        images=folder / "images" / "train",
        out=scratch / "taught.safetensors",
        start=weights,
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


def figures_of(name: str, found: Judgement) -> dict[str, float]:
    """Figures for the summary."""
    return {f"{name}_favourite": found.favourite, f"{name}_best": found.best}


def vars_of(args: argparse.Namespace) -> dict[str, str]:
    """Options as text."""
    return {key: str(value) for key, value in vars(args).items() if value is not None}


if __name__ == "__main__":
    main()
