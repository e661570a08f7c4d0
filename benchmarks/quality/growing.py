"""A data set that grows: a warm start from the older run against training anew.

    python -m benchmarks.quality.growing --out runs/growing

The older run learns from the first half of the images, without the clicks of the last classes. Then
the other half and the classes come: the store is brought up to date, and two runs learn from all of
it, one anew and one with `--from` in a quarter of the epochs. Labels of all clicks are scored.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.quality.trial import ClickedSet, kept, label_clicks, sapnet
from sapnet.data.clicks import load_clicks, save_clicks
from sapnet.evaluation.evaluate import evaluate
from sapnet.structures.clicks import ClickSet

QUARTER = 4


def first_half(clicks: ClickSet, num_new_classes: int) -> ClickSet:
    """Return the clicks of the first half of the images, without those of the last classes."""
    images = clicks.images[: len(clicks.images) // 2]
    ids = {image.image_id for image in images}
    categories = clicks.categories[: len(clicks.categories) - num_new_classes]
    known = {category.category_id for category in categories}
    objects = [c for c in clicks.clicks if c.image_id in ids and c.category_id in known]
    return replace(clicks, images=images, categories=categories, clicks=tuple(objects))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Make the set, propose twice, train three runs, and score their labels."""
    out, data = args.out, args.out / "data"
    drawing = ("--num-images", args.num_images, "--size", args.size, "--num-classes", 6)
    sapnet(out / "draw.log", "synthetic", "--out", data, *drawing, "--seed", args.seed)
    truth, images, store = data / "instances.json", data / "images", out / "store"
    sapnet(out / "points.log", "points", "--truth", truth, "--out", out / "all.json", "--seed", 0)
    every = load_clicks(out / "all.json")
    save_clicks(out / "first.json", first_half(every, num_new_classes=2))
    source = ("--images", images, "--out", store, "--proposer", "simulated", "--workers", 1)
    seconds = {}
    for name in ("first", "all"):
        words = ("propose", *source, "--clicks", out / f"{name}.json")
        seconds[f"propose {name}"] = sapnet(out / f"propose_{name}.log", *words)
        if name == "first":
            old = out / "old"
            seconds["train old"] = _train(args, images, store, old, args.epochs)
    seconds["train anew"] = _train(args, images, store, out / "anew", args.epochs)
    epochs = args.epochs // QUARTER
    seconds["train --from"] = _train(args, images, store, out / "warm", epochs, "--from", old)
    seconds["train anew, short"] = _train(args, images, store, out / "short", epochs)
    figures: dict[str, Any] = {"seconds": seconds}
    clicked = ClickedSet(images, truth, store)
    for name in ("anew", "warm", "short"):
        labels = out / f"labels_{name}.json"
        label_clicks(out / name, clicked, labels)
        figures[name] = evaluate(truth, labels=labels, proposals=str(store))
    return figures


def _train(
    args: argparse.Namespace, images: Path, store: Path, run: Path, epochs: int, *more: object
) -> float:
    words = ("--images", images, "--proposals", store, "--out", run, "--epochs", epochs)
    sizes = ("--model.augment.short_sides", f"[{args.size}]", "--seed", args.seed)
    common = ("--config", "small_images_cpu", "--device", "cpu", "--workers", 1)
    return sapnet(run.with_suffix(".log"), "train", *common, *words, *sizes, *more)


def main() -> None:
    """Measure, keep the figures, and print them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--num-images", type=int, default=120)
    parser.add_argument("--size", type=int, default=128, help="side of the images, pixels")
    parser.add_argument("--epochs", type=int, default=16, help="of the runs that are not short")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    asked = (args.num_images, args.size, args.epochs, args.seed)
    print(json.dumps(kept(args.out / "figures.json", asked, lambda: measure(args)), indent=1))


if __name__ == "__main__":
    main()
