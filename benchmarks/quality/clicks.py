"""Label quality as a function of where the click is.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.clicks --out runs/clicks --json clicks.json \
        --plot docs/figures/clicks.png

Draws one click for each object of a synthetic set: at the centre, near it, anywhere, near the
border, and near the centre but missed by some pixels. For each kind of click it proposes, trains
selection alone, labels the clicked images and scores the labels. What is finished is kept in
`--out`; the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import setting, table, write_json
from benchmarks.plots import draw_scores
from benchmarks.quality.trial import METHODS, ClickedSet, changed_settings, label_quality, sapnet
from sapnet.data.clicks import load_clicks
from sapnet.data.coco import load_instances
from sapnet.data.sampling import ClickMode
from sapnet.data.synthetic.config import SyntheticConfig
from sapnet.data.synthetic.writing import SyntheticPaths, write_synthetic
from sapnet.demo.config import DemoConfig
from sapnet.demo.run import demo_model, demo_training
from sapnet.geometry.rle import decode_masks
from sapnet.network.config import ModelConfig
from sapnet.system.files import write_json_atomic, write_text_atomic
from sapnet.training.config import TrainConfig

PROPOSERS = ("simulated", "regions")
PLACES: tuple[ClickMode, ...] = ("center", "quasi-center", "uniform", "border")
MISSED: ClickMode = "quasi-center"
"""Where missed clicks were meant to be."""


@dataclass(frozen=True)
class Kind:
    """A kind of click: where it is meant to be, and by how many pixels it misses."""

    mode: ClickMode
    offset: float

    @property
    def name(self) -> str:
        """For tables and folders."""
        return self.mode if self.offset == 0 else f"off {self.offset:g} px"


def main() -> None:
    """Measure what is not measured yet, print and, where asked, write the figures."""
    args = parse_arguments()
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
    write_json(args.json, summary, setting(**options(args)), rows)
    if args.plot is not None:
        draw(args.plot, rows, args)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of everything it makes")
    parser.add_argument("--images", type=int, default=800, help="for the simulated proposer")
    parser.add_argument("--epochs", type=int, default=3, help="likewise")
    parser.add_argument("--region-images", type=int, default=300, help="for regions")
    parser.add_argument("--region-epochs", type=int, default=5, help="likewise")
    parser.add_argument("--size", type=int, default=160, help="side of the images, px")
    parser.add_argument("--seed", type=int, default=300, help="of images, clicks and training")
    parser.add_argument("--places", nargs="*", choices=PLACES, default=PLACES)
    parser.add_argument("--offsets", type=float, nargs="*", default=[2, 4, 8, 16], help="px")
    parser.add_argument("--proposers", nargs="+", choices=PROPOSERS, default=PROPOSERS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["sapnet+", "MIL"])
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--plot", type=Path, help="PNG file for the picture")
    return parser.parse_args()


def options(args: argparse.Namespace) -> dict[str, Any]:
    """What was asked, for the json file."""
    return {k: v for k, v in vars(args).items() if not isinstance(v, Path) and v is not None}


def draw_images(args: argparse.Namespace, proposer: str) -> SyntheticPaths:
    """The images for a proposer; the fewer are the first of the more. Drawn once."""
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
    """The demo's network and training, as a recipe."""
    epochs = args.epochs if proposer == "simulated" else args.region_epochs
    training = demo_training(DemoConfig(seed=args.seed, device="cpu"), epochs)
    recipe = changed_settings(training, TrainConfig()) | {
        "model": changed_settings(demo_model(args.size), ModelConfig())
    }
    return write_json_atomic(args.out / proposer / "recipe.yaml", recipe)  # json is YAML


def measure(
    args: argparse.Namespace, paths: SyntheticPaths, recipe: Path, proposer: str, kind: Kind
) -> dict[str, Any]:
    """Figures of one kind of click with one proposer."""
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
    """Shares of the clicks on the object that was meant, and on another one."""
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
    """The columns that are scores."""
    return ["top1", *methods, "oracle"]


def as_table(rows: list[dict[str, Any]], methods: Sequence[str]) -> str:
    """Markdown."""
    head = ["proposer", "kind", "on object", "on another", *scores(methods)]
    return table(head, [[row[name] for name in head] for row in rows])


def draw(path: Path, rows: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """A panel for each proposer; the line is broken between places and misses."""
    panels: dict[str, dict[str, list[float]]] = {}
    for proposer in dict.fromkeys(row["proposer"] for row in rows):
        own = [row for row in rows if row["proposer"] == proposer]
        panels[proposer] = {name: [row[name] for row in own] for name in scores(args.methods)}
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    draw_scores(path, kinds, panels, ("click", "label mIoU"), len(args.places))


if __name__ == "__main__":
    main()
