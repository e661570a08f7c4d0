"""Grids and scale ranges fitted to the data against SOLOv2's published ones.

    python -m benchmarks.quality.fitting --json fitting.json

trains the demo's small SOLOv2 from true masks, from scratch, on synthetic images of many small
objects. The published grids were made for very different data. One training uses them, one uses
the grids and ranges that `sapnet train` chooses, and two use one half of that choice. Data, steps
and seed are the same. AP is measured on held-out images.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import SyntheticPaths, write_synthetic
from sapnet.demo.networks import demo_model
from sapnet.evaluation.evaluate import evaluate
from sapnet.network.loading import load_model
from sapnet.prediction.config import PredictionConfig
from sapnet.prediction.predict import predict
from sapnet.segmentation.config import PUBLISHED_GRIDS, PUBLISHED_RANGES
from sapnet.training.config import OptimizerConfig, TrainConfig
from sapnet.training.inputs import TrainInputs
from sapnet.training.run import train

BATCH = 4
"""Images per step."""

ROWS: dict[str, dict[str, Any]] = {
    "published": {"num_grids": PUBLISHED_GRIDS, "scale_ranges": PUBLISHED_RANGES},
    "fitted": {"num_grids": None, "scale_ranges": None},
    "ranges alone": {"num_grids": PUBLISHED_GRIDS, "scale_ranges": None},
    "grids alone": {"num_grids": None, "scale_ranges": PUBLISHED_RANGES},
}
"""Settings that are given in each training; the others are fitted."""


def main() -> None:
    """Train each row, print and write the figures."""
    args = parse_arguments(
        __doc__,
        rows={"nargs": "+", "choices": list(ROWS), "default": list(ROWS)},
        size={"type": int, "default": 160, "help": "side of the images and of the input, px"},
        objects={"type": int, "nargs": 2, "default": (6, 14), "help": "per image"},
        object_size={"type": float, "nargs": 2, "default": (0.078, 0.16), "help": "share of side"},
        images={"type": int, "default": 160},
        test_images={"type": int, "default": 40},
        epochs={"type": int, "default": 8},
        lr={"type": float, "default": 1e-3, "help": "learning rate of AdamW"},
        seed={"type": int, "default": 0},
    )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    samples = {}
    with tempfile.TemporaryDirectory() as folder:
        sets = [
            write_synthetic(
                Path(folder) / name,
                SyntheticConfig(
                    num_images=count,
                    size=args.size,
                    objects=tuple(args.objects),
                    object_size=tuple(args.object_size),
                    seed=seed,
                ),
            )
            for name, count, seed in (
                ("train", args.images, 2 * args.seed),
                ("test", args.test_images, 2 * args.seed + 1),
            )
        ]
        for name in args.rows:
            samples[name] = measure(name, args, sets[0], sets[1], Path(folder) / name)
            print(json.dumps({name: samples[name]}), flush=True)
    heads = ["num_grids", "scale_ranges", "steps", "mask_ap", "mask_ap50"]
    print(table(["", *heads], ([name, *(row[h] for h in heads)] for name, row in samples.items())))
    summary = {f"{name}_mask_ap": row["mask_ap"] for name, row in samples.items()}
    write_json(args.json, summary, setting(**given_options(args)), samples)


def measure(
    name: str,
    args: argparse.Namespace,
    learned: SyntheticPaths,
    held_out: SyntheticPaths,
    run: Path,
) -> dict[str, Any]:
    """Train one row and score it on the held-out images."""
    model = demo_model(args.size)
    model = replace(model, segmentation=replace(model.segmentation, **ROWS[name]))
    cfg = TrainConfig(
        supervision="masks",
        epochs=args.epochs,
        batch_size=BATCH,
        workers=0,
        seed=args.seed,
        device="cpu",
        optimizer=OptimizerConfig(
            name="adamw", lr=args.lr, lr_batch=BATCH, schedule="cosine", warmup_iterations=20
        ),
    )
    start = time.perf_counter()
    train(TrainInputs(images=learned.images, out=run, masks=learned.truth), model, cfg)
    seconds = time.perf_counter() - start
    trained = load_model(run, "cpu")
    results = predict(
        trained,
        held_out.images,
        run / "predictions",
        PredictionConfig(no_pictures=True, overwrite=True),
    ).results
    scores = evaluate(held_out.truth, predictions=results)
    segmentation = trained.settings.segmentation
    with next(run.glob("logs/version_0/metrics.csv")).open(newline="") as file:
        steps = 1 + max(int(row["step"]) for row in csv.DictReader(file))
    return {
        "num_grids": segmentation.grids,
        "scale_ranges": segmentation.ranges,
        "steps": steps,
        "seconds_per_step": seconds / steps,
        **{key: round(scores[key], 4) for key in ("mask_ap", "mask_ap50", "mask_ap75")},
    }


if __name__ == "__main__":
    main()
