"""Label quality by the place of the click.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.clicks --out runs/clicks --json clicks.json \
        --plot docs/figures/clicks.png

Draws one click for each object of a synthetic set: at the centre, near it, anywhere, near the
border, and near the centre but missed by some pixels. For each kind of click it proposes, trains
selection alone, labels the clicked images and scores the labels. Finished parts are kept in
`--out`; the same command continues.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import given_options, parse_arguments, setting, table, write_json
from benchmarks.plots import draw_scores
from benchmarks.quality.trial import METHODS, ClickedSet, changed_settings, label_quality, sapnet
from sapnet.data.choices import ClickMode
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import SyntheticPaths, write_synthetic
from sapnet.demo.config import DemoConfig
from sapnet.demo.networks import demo_model, demo_training
from sapnet.geometry.rle import decode_masks
from sapnet.network.config import ModelConfig
from sapnet.system.files import write_json_atomic, write_text_atomic
from sapnet.training.config import TrainConfig

PROPOSERS = ("simulated", "regions")
PLACES: tuple[ClickMode, ...] = ("center", "quasi-center", "uniform", "border")
MISSED: ClickMode = "quasi-center"
"""Intended place of the clicks that miss."""


@dataclass(frozen=True)
class Kind:
    """Kind of click: its intended place, and the number of pixels by which it misses."""

    mode: ClickMode
    offset: float

    @property
    def name(self) -> str:
        """Name in tables and folders."""
        return self.mode if self.offset == 0 else f"off {self.offset:g} px"


def main() -> None:
    """Measure what is not measured yet, print and write the figures."""
    args = parse_options()
    kinds = [Kind(mode, 0) for mode in args.places]
    kinds += [Kind(MISSED, offset) for offset in args.offsets]
    rows = []
    for proposer in args.proposers:
        paths = draw_images(args, proposer)
        recipe = write_recipe(args, proposer)
        for kind in kinds:
            rows.append(measure(args, paths, recipe, proposer, kind))
            print(json.dumps(rows[-1]), flush=True)
    print(as_table(rows, args.methods))
    summary = {f"{r['proposer']} {r['kind']} {s}": r[s] for r in rows for s in scores(args.methods)}
    write_json(args.json, summary, setting(**given_options(args)), rows)
    if args.plot is not None:
        draw(args.plot, rows, args)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    return parse_arguments(
        __doc__,
        out={"type": Path, "required": True, "help": "folder of all files"},
        images={"type": int, "default": 800, "help": "images of the simulated proposer"},
        epochs={"type": int, "default": 3, "help": "epochs of the simulated proposer"},
        region_images={"type": int, "default": 300, "help": "images of regions"},
        region_epochs={"type": int, "default": 5, "help": "epochs of regions"},
        size={"type": int, "default": 160, "help": "side of the images, px"},
        seed={"type": int, "default": 300, "help": "seed of images, clicks and training"},
        places={"nargs": "*", "choices": PLACES, "default": PLACES},
        offsets={"type": float, "nargs": "*", "default": [2, 4, 8, 16], "help": "misses, px"},
        proposers={"nargs": "+", "choices": PROPOSERS, "default": PROPOSERS},
        methods={"nargs": "+", "choices": METHODS, "default": ["sapnet+", "MIL"]},
        plot={"type": Path, "help": "PNG file for the picture"},
    )


def draw_images(args: argparse.Namespace, proposer: str) -> SyntheticPaths:
    """Draw the images for a proposer, unless they exist.

    The images of both proposers begin with the same ones.
    """
    count = args.images if proposer == "simulated" else args.region_images
    data = SyntheticConfig(num_images=count, size=args.size, seed=args.seed)
    folder, settings = args.out / proposer / "data", args.out / proposer / "data.json"
    asked = json.dumps(asdict(data))
    if settings.is_file() and settings.read_text(encoding="utf-8") == asked:
        return SyntheticPaths(folder / "images", folder / "instances.json", folder / "parts.json")
    paths = write_synthetic(folder, data, 1)
    write_text_atomic(settings, asked)
    return paths


def write_recipe(args: argparse.Namespace, proposer: str) -> Path:
    """Write the demo's network and training as a recipe."""
    epochs = args.epochs if proposer == "simulated" else args.region_epochs
    training = demo_training(DemoConfig(seed=args.seed, device="cpu"), epochs)
    recipe = changed_settings(training, TrainConfig()) | {
        "model": changed_settings(demo_model(args.size), ModelConfig())
    }
    return write_json_atomic(args.out / proposer / "recipe.yaml", recipe)  # json is YAML


def measure(
    args: argparse.Namespace, paths: SyntheticPaths, recipe: Path, proposer: str, kind: Kind
) -> dict[str, Any]:
    """Return the figures of one kind of click with one proposer."""
    folder = args.out / proposer / kind.name.replace(" ", "_")
    clicks, store = folder / "clicks.json", folder / "store"
    if not clicks.is_file():
        aim = ("--mode", kind.mode, "--offset", kind.offset, "--seed", args.seed)
        sapnet(folder / "points.log", "points", "--truth", paths.truth, "--out", clicks, *aim)
    files = ("--images", paths.images, "--clicks", clicks, "--out", store)
    sapnet(folder / "propose.log", "propose", *files, "--proposer", proposer, "--workers", 1)
    clicked = ClickedSet(paths.images, paths.truth, store)
    row: dict[str, Any] = {"proposer": proposer, "kind": kind.name}
    row |= where_clicks_are(clicks, paths.truth)
    for method in args.methods:
        figures = label_quality(
            folder / method, clicked, {"train": clicked}, ("--config", recipe, *METHODS[method])
        )
        row |= {name: figures["train"][f"{name}_miou"] for name in ("top1", "oracle")}
        row[method] = figures["train"]["label_miou"]
        row[f"{method} seconds"] = figures["seconds"]
    return row


def where_clicks_are(clicks: Path, truth: Path) -> dict[str, float]:
    """Return the shares of the clicks on their own object, and on another one."""
    instances = load_instances(truth).instances
    masks = decode_masks([instance.rle() for instance in instances])
    ids = np.array([instance.annotation_id for instance in instances])
    images = np.array([instance.image_id for instance in instances])
    drawn = load_clicks(clicks).clicks
    hits = others = 0
    for click in drawn:
        x, y = (int(coordinate) for coordinate in click.point)
        hit = masks[:, y, x] * (images == click.image_id)
        on_meant = bool(hit[ids == click.annotation_id].any())
        hits += on_meant
        others += bool(hit.any()) and not on_meant
    return {"on object": hits / len(drawn), "on another": others / len(drawn)}


def scores(methods: Sequence[str]) -> list[str]:
    """Return the names of the columns that are scores."""
    return ["top1", *methods, "oracle"]


def as_table(rows: list[dict[str, Any]], methods: Sequence[str]) -> str:
    """Format the rows as a Markdown table."""
    head = ["proposer", "kind", "on object", "on another", *scores(methods)]
    return table(head, [[row[name] for name in head] for row in rows])


def draw(path: Path, rows: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """Draw a panel for each proposer; lines are broken between places and misses."""
    panels: dict[str, dict[str, list[float]]] = {}
    for proposer in dict.fromkeys(row["proposer"] for row in rows):
        own = [row for row in rows if row["proposer"] == proposer]
        panels[proposer] = {name: [row[name] for row in own] for name in scores(args.methods)}
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    draw_scores(path, kinds, panels, ("click", "label mIoU"), len(args.places))


if __name__ == "__main__":
    main()
