"""Segmenters on the same labels and on ground truth: AP and its share of true masks' AP.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.segmenters --sets sets/balloon --out runs/seg \
        --json benchmarks/results/segmenters.json

A set is laid out as for `benchmarks.quality.real_sets`. One training on clicks writes the labels
(`sapnet label`); then each segmenter learns from them and from ground truth, for the same number of
steps, from the same start (`--start`), and is scored on val. A segmenter with weights of its own
(`--checkpoints mask2former=NAME mask-rcnn=NAME`) takes the recipe for fine-tuning. Every part is a
command in a process of its own; finished parts are kept in `--out`.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from benchmarks.common import given_options, parse_arguments, setting, table
from benchmarks.quality.real_sets.parts import SEGMENTER_FIGURES, Plan, Rung, method_labels, propose
from benchmarks.quality.real_sets.sets import RealSet, find_sets, limit_set
from benchmarks.quality.real_sets.systems import SYSTEMS
from benchmarks.quality.trial import kept, sapnet
from sapnet.data.coco import load_instances
from sapnet.evaluation.evaluate import evaluate
from sapnet.segmentation.others.config import SegmenterName
from sapnet.system.files import write_json_atomic

SOURCES = ("labels", "truth")
HEAD = ("set", "segmenter", "learns from", "AP", "AP50", "share of truth, AP", "AP50", "minutes")
LABELS = SYSTEMS["ours"]
"""System that writes the labels."""


@dataclass(frozen=True)
class Trial:
    """One segmenter that learns from one source of masks.

    Attributes:
        plan: how it is trained.
        real: the set.
        segmenter: its name.
        checkpoint: weights of its own; None for the start that all share.
        start: what the others begin with, as `--model.start`.
        masks: COCO instance json to learn from.
        folder: for its files.
        seed: of the training.
    """

    plan: Plan
    real: RealSet
    segmenter: str
    checkpoint: str | None
    start: str
    masks: Path
    folder: Path
    seed: int

    @property
    def words(self) -> tuple[object, ...]:
        """Flags of the training."""
        plan = self.plan
        num_images = len(load_instances(self.masks).images)
        length = plan.training(num_images, self.seed)
        own: tuple[object, ...] = ("--model.start", self.start)
        if self.checkpoint is not None:
            own, length = ("--checkpoint", self.checkpoint), length[2:]  # without the recipe
        source = ("--supervision", "masks", "--masks", self.masks)
        return (*length, *source, "--segmenter", self.segmenter, *own)

    def measure(self) -> dict[str, Any]:
        """Train, predict val and score it; finished parts are not done again."""
        return kept(self.folder / "figures.json", self.words, self._measure)

    def _measure(self) -> dict[str, Any]:
        run, out = self.folder / "run", self.folder / "predictions"
        device = ("--device", self.plan.device)
        files = ("--images", self.real.train.images, "--out", run, "--workers", 1)
        seconds = {"train": sapnet(self.folder / "train.log", "train", *self.words, *files)}
        files = ("--run", run, "--images", self.real.val.images, "--out", out)
        words = (*files, "--no-pictures", *device)
        seconds["predict"] = sapnet(self.folder / "predict.log", "predict", *words)
        scores = evaluate(self.real.val.truth, predictions=out / "results.json")
        return {"seconds": seconds, **{name: scores[name] for name in SEGMENTER_FIGURES}}


def main() -> None:
    """Measure what is not measured yet, print and write the figures."""
    args = parse_options()
    plan = Plan(
        out=args.out if args.limit is None else args.out / f"limit_{args.limit}",
        config=args.config,
        options=tuple(args.options.split()),
        steps=args.steps,
        batch_size=args.batch_size,
        device=args.device,
        min_area=0,
        segmenter=True,
    )
    sets: dict[str, Any] = {}
    for real in find_sets(args.sets):
        if args.limit is not None:
            real = limit_set(real, args.limit, plan.out / real.name / "images")
        sets[real.name] = measure_set(args, plan, real)
        if args.json is not None:
            here = setting(**{**given_options(args), "sets": list(sets)})
            write_json_atomic(args.json, {"setting": here, "sets": sets})
    print(table(HEAD, rows_of(sets)))


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "nargs": "+", "required": True, "help": "sets, or folders of sets"},
        out={"type": Path, "required": True, "help": "folder of all files"},
        segmenters={
            "nargs": "+",
            "choices": get_args(SegmenterName),
            "default": ["solov2", "mask-rcnn"],
        },
        checkpoints={"nargs": "*", "default": [], "help": "weights of a segmenter, NAME=WEIGHTS"},
        start={"default": "imagenet", "help": "--model.start of segmenters without a checkpoint"},
        seeds={"type": int, "nargs": "+", "default": [0]},
        steps={"type": int, "default": 600, "help": "of each training, labels' included"},
        batch_size={"type": int, "default": 4, "help": "images per step"},
        config={"default": "small_images_cpu", "help": "recipe of trainings without a checkpoint"},
        options={"default": "", "help": "flags of `sapnet train` for all trainings"},
        device={"default": "auto", "help": "of all trainings"},
        limit={"type": int, "help": "most images of a split, drawn with seed 0"},
    )
    wrong = [text for text in args.checkpoints if text.partition("=")[0] not in args.segmenters]
    if wrong:
        raise SystemExit(f"--checkpoints {wrong[0]}: expected NAME=WEIGHTS of one of --segmenters")
    if "mask2former" in args.segmenters and not _checkpoint(args, "mask2former"):
        raise SystemExit("--segmenters mask2former needs --checkpoints mask2former=WEIGHTS")
    return args


def _checkpoint(args: argparse.Namespace, segmenter: str) -> str | None:
    named = dict(text.split("=", 1) for text in args.checkpoints)
    return named.get(segmenter)


def measure_set(args: argparse.Namespace, plan: Plan, real: RealSet) -> dict[str, Any]:
    """Write labels of a set, then train and score all segmenters on both sources of masks."""
    rung = Rung(plan, propose(plan, real, "click"), LABELS, args.seeds[0])
    figures: dict[str, Any] = {"labels": method_labels(rung), "segmenters": {}}
    masks = {"labels": rung.labels, "truth": real.train.truth}
    for name in args.segmenters:
        found: dict[str, Any] = {}
        for source in SOURCES:
            seeds = {}
            for seed in args.seeds:
                folder = plan.out / real.name / "segmenters" / name / source / f"seed{seed}"
                trial = Trial(
                    *(plan, real, name, _checkpoint(args, name), args.start),
                    *(masks[source], folder, seed),
                )
                seeds[str(seed)] = trial.measure()
                print(f"{real.name} {name} {source} {seed}: {_line(seeds[str(seed)])}", flush=True)
            found[source] = {"seeds": seeds, **means_of(list(seeds.values()))}
        figures["segmenters"][name] = found
    return figures


def _line(figures: dict[str, Any]) -> str:
    return f"AP {figures['mask_ap']:.3f} AP50 {figures['mask_ap50']:.3f}"


def means_of(seeds: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the means over seeds; None for sizes of which a set has no object."""
    means = {
        name: None if None in (values := [one[name] for one in seeds]) else statistics.mean(values)
        for name in SEGMENTER_FIGURES
    }
    minutes = [one["seconds"]["train"] / 60 for one in seeds]
    return {**means, "train_minutes": statistics.mean(minutes)}


def rows_of(sets: dict[str, Any]) -> list[tuple[object, ...]]:
    """Return the rows of the table."""
    rows: list[tuple[object, ...]] = []
    for name, figures in sets.items():
        for segmenter, found in figures["segmenters"].items():
            for source in SOURCES:
                own, full = found[source], found["truth"]
                shares = [_share(own[key], full[key]) for key in ("mask_ap", "mask_ap50")]
                row = (name, segmenter, source, f"{own['mask_ap']:.3f}", f"{own['mask_ap50']:.3f}")
                rows.append((*row, *shares, f"{own['train_minutes']:.1f}"))
    return rows


def _share(own: float, full: float) -> str:
    """Return a share in percent; empty where the fully supervised one has learned nothing."""
    return f"{own / full:.0%}" if full > 0 else ""


if __name__ == "__main__":
    main()
