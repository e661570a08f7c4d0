"""The paper's ablation ladder, and ours, as one command.

    python -m benchmarks.ladder --scale small

Draws a synthetic set for each seed, trains every system on its clicks (a process per system and
seed) and scores the labels of the clicked images, and the segmenter on held-out ones. A ladder that
was stopped goes on where it was. Figures: OUT/ladder.json, and a table on the screen. Pictures:
`python -m benchmarks.ladder.page OUT/ladder.json`.

    python -m benchmarks.ladder --photographs balloon --seeds 0

    python -m benchmarks.ladder --table 5

With `--table`, the systems are the rows of a table of the paper; those that a ladder in the same
folder has finished are not trained again.

With `--photographs`, the images are those of a set of photographs (see
`benchmarks.quality.real_sets`) with the proposer `click`. Figures are those of the labels; a
segmenter is trained only where the labels depend on it.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from benchmarks.common import parse_arguments
from benchmarks.ladder.jobs import JobOptions, Photographs, Stopwatch, list_jobs, run_jobs
from benchmarks.ladder.page.file import FILE_NAME, load_ladder
from benchmarks.ladder.page.table import ladder_table, table_markdown
from benchmarks.ladder.scales import FIRST_SEED, ladder_scale
from benchmarks.ladder.summary import LadderRun, summarize
from benchmarks.ladder.systems import System, ladder_systems
from benchmarks.ladder.tables import all_systems, table_systems
from sapnet.selection.config import SelectionConfig
from sapnet.system.device import choose_device
from sapnet.system.files import write_json_atomic

PAPER_TABLES = (1, 3, 4, 5, 6, 7, 8)
"""Tables that the ladder covers; Table 2 and 9 need VOC and COCO, see the recipes."""


def main() -> None:
    """Run the ladder, print its table and write its figures."""
    args = parse_options()
    scale = ladder_scale(args.scale, 0, args.device)
    systems = wanted_systems(scale.model.selection, args.systems, args.table)
    photographs = None
    if args.photographs is not None:
        photographs = Photographs(args.photographs, args.proposer)
        systems = tuple(system for system in systems if system.supervision != "masks")
    elapsed = Stopwatch(args.out / "elapsed.json")
    if not args.summary:
        options = JobOptions(args.out, args.scale, args.split, args.device, args.jobs, photographs)
        run_jobs(options, list_jobs(args.seeds, systems), elapsed)
    choice = () if args.systems is None else ("--systems", *args.systems)
    choice += () if args.table is None else ("--table", str(args.table))
    run = LadderRun(args.out, args.scale, args.split, args.seeds, photographs, choice)
    ladder = write_json_atomic(args.out / FILE_NAME, summarize(run, systems, elapsed.minutes))
    print(table_markdown(ladder_table(load_ladder(ladder))))
    print(f"\n{elapsed.minutes:.1f} min; figures: {ladder}")
    print(f"pictures: python -m benchmarks.ladder.page {ladder}")
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ladder, args.json)


def parse_options() -> argparse.Namespace:
    """Parse the command line; makes the folder of the ladder."""
    args = parse_arguments(
        __doc__,
        scale={
            "choices": ("tiny", "small", "full"),
            "help": "small (the default): 90 minutes on two cores; full: for a GPU; tiny: for "
            "a test. Photographs have a scale of their own",
        },
        out={"type": Path, "help": "folder; runs/ladder-SCALE by default"},
        seeds={"type": int, "nargs": "+", "default": [0, 1, 2]},
        device={"default": "auto", "help": "auto, cpu, cuda or mps"},
        split={
            "choices": tuple(FIRST_SEED),
            "default": "test",
            "help": "tuning: other images of the same kind, to choose constants on",
        },
        systems={"nargs": "+", "help": "only these systems and those they need"},
        table={
            "type": int,
            "choices": PAPER_TABLES,
            "help": "only the rows of this table of the paper",
        },
        jobs={"type": int, "help": "systems at a time; 1 on a GPU, else one per core"},
        photographs={"type": Path, "help": "set of photographs in place of synthetic images"},
        proposer={"default": "click", "choices": ("click", "regions"), "help": "of photographs"},
        summary={"action": "store_true", "help": "run nothing, summarize what is finished"},
    )
    args.scale = args.scale or ("small" if args.photographs is None else "photographs")
    own = "" if args.photographs is None else f"-{args.photographs.resolve().name}"
    args.out = args.out or Path("runs") / f"ladder-{args.scale}{own}"
    args.device = str(choose_device(args.device))
    args.jobs = args.jobs or (os.cpu_count() or 1 if args.device == "cpu" else 1)
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def wanted_systems(
    base: SelectionConfig, names: list[str] | None, table: int | None = None
) -> tuple[System, ...]:
    """Return the named systems and those they need; the ladder without names and table.

    Args:
        base: settings of the default method.
        names: names of systems.
        table: table of the paper whose rows are wanted, too.

    Raises:
        SystemExit: a name is unknown.
    """
    if names is None and table is None:
        return ladder_systems(base)
    known = {system.name: system for system in all_systems(base)}
    waiting = list(names or ())
    if unknown := [name for name in waiting if name not in known]:
        raise SystemExit(f"--systems: expected some of {', '.join(known)}, found {unknown}")
    waiting += [] if table is None else [system.name for system in table_systems(base, table)]
    wanted: set[str] = set()
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting += known[name].needs
    return tuple(system for system in known.values() if system.name in wanted)


if __name__ == "__main__":
    main()
