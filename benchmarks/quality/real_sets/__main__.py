"""Labels and segmenters of all systems on real sets, with each proposer.

    OMP_NUM_THREADS=1 python -m benchmarks.quality.real_sets --sets sets coco --out runs/real \
        --json benchmarks/results/real-sets.json

A set is a folder with `images/train`, `images/val`, `instances_train.json` and
`instances_val.json`, or one laid out as COCO. For each set and proposer it scores the labels of
every system (the proposer's favourite, MIL, SAPNet as printed, sapnet+, each object's best
candidate), trains the same segmenter on them for the same number of steps, and scores it on val.
The shares of the AP of the best candidates and of ground truth have 95 % intervals over the
images. Every part is a command in a process of its own; finished parts are kept in `--out`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from benchmarks.common import given_options, parse_arguments, setting
from benchmarks.quality.real_sets.figures import (
    Result,
    as_table,
    describe,
    set_figures,
    summarize,
)
from benchmarks.quality.real_sets.parts import EMBEDDED_CLICK, Plan, Rung, propose, run_rung
from benchmarks.quality.real_sets.sets import RealSet, find_sets, limit_set
from benchmarks.quality.real_sets.systems import METHOD_NAMES, SYSTEMS
from sapnet.system.files import write_json_atomic

PROPOSERS = ("click", EMBEDDED_CLICK, "regions", "sam")


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
        min_area=args.min_area,
        segmenter=not args.labels_only,
    )
    sets: dict[str, Any] = {}
    for real in find_sets(args.sets):
        if args.limit is not None:
            real = limit_set(real, args.limit, plan.out / real.name / "images")
        sets[real.name] = {}
        for proposer, corrected in wanted_proposers(args):
            measure(args, plan, real, (proposer, corrected), sets[real.name])
            write_figures(args, sets)
    print(as_table(sets))


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    args = parse_arguments(
        __doc__,
        sets={"type": Path, "nargs": "+", "required": True, "help": "sets, or folders of sets"},
        out={"type": Path, "required": True, "help": "folder of all files"},
        proposers={"nargs": "+", "choices": PROPOSERS, "default": ["click", "regions"]},
        systems={"nargs": "+", "choices": SYSTEMS, "default": list(SYSTEMS)},
        two_stages={
            "nargs": "*",
            "choices": METHOD_NAMES,
            "default": list(METHOD_NAMES),
            "help": "methods on whose labels a second segmenter is trained",
        },
        seeds={"type": int, "nargs": "+", "default": [0, 1, 2]},
        steps={"type": int, "default": 1600, "help": "of each training"},
        batch_size={"type": int, "default": 4, "help": "images per step"},
        config={"default": "small_images_cpu", "help": "recipe of all trainings"},
        options={"default": "", "help": "flags of `sapnet train` after the recipe"},
        device={"default": "auto", "help": "of all trainings"},
        labels_only={"action": "store_true", "help": "train selection alone, no segmenter"},
        min_area={"type": float, "default": 0, "help": "smallest object of a label figure, px"},
        corrected={
            "type": int,
            "default": 0,
            "help": "also with `click` fine-tuned on the masks of this number of training images",
        },
        limit={"type": int, "help": "most images of a split, drawn with seed 0"},
        samples={"type": int, "default": 1000, "help": "resamples of the images"},
    )
    args.out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return args


def wanted_proposers(args: argparse.Namespace) -> list[tuple[str, int]]:
    """Return the proposers, each with the number of images that it was taught."""
    after = [("click", args.corrected)] if args.corrected else []
    return [(proposer, 0) for proposer in args.proposers] + after


def measure(
    args: argparse.Namespace,
    plan: Plan,
    real: RealSet,
    proposer: tuple[str, int],
    found: dict[str, Any],
) -> None:
    """Run all systems and seeds on a set with one proposer; add the figures to `found`."""
    clicked = propose(plan, real, *proposer)
    results: list[Result] = []
    for seed in args.seeds:
        for name in args.systems:
            rung = Rung(plan, clicked, SYSTEMS[name], seed)
            figures = run_rung(rung, name in args.two_stages)
            if figures:
                results.append(Result(rung, figures))
                print(describe(results[-1]), flush=True)
    found[clicked.proposer] = set_figures(results, clicked, args.samples)


def write_figures(args: argparse.Namespace, sets: dict[str, Any]) -> None:
    """Write summary, setting and all figures, if a file was named."""
    if args.json is not None:
        here = setting(**{**given_options(args), "sets": list(sets)})
        content = {"summary": summarize(sets), "setting": here, "sets": sets}
        write_json_atomic(args.json, content)


if __name__ == "__main__":
    main()
