"""Processor time of `sapnet label`, beside another checkout of sapnet.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.labels --other OLD --run run --images images
        --proposals store --json labels.json

Both label the same images in turn, each time in a process of its own. The files they write must be
equal, byte by byte.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.common import (
    as_samples,
    median,
    parse_arguments,
    setting,
    table,
    time_side_by_side,
    write_json,
)

THIS = Path(__file__).resolve().parents[2]


def write_labels(checkout: Path, words: list[str], out: Path) -> None:
    """Label with the code of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "sapnet", "label", *words, "--out", str(out)]
    subprocess.run(
        command,
        check=True,
        cwd=checkout,  # Python looks for packages here first
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main() -> None:
    """Measure and print; write json where asked for."""
    args = parse_arguments(
        __doc__,
        other={"type": Path, "required": True, "help": "checkout to compare with"},
        run={"type": Path, "required": True, "help": "trained run"},
        images={"type": Path, "required": True, "help": "folder of images"},
        proposals={"type": Path, "required": True, "help": "their store"},
        workers={"type": int, "default": 2, "help": "processes that load images"},
        repeats={"type": int, "default": 3, "help": "runs of each"},
    )
    files = {name: str(getattr(args, name).resolve()) for name in ("run", "images", "proposals")}
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    words += ["--device", "cpu", "--workers", str(args.workers)]
    with tempfile.TemporaryDirectory() as folder:
        outs = {name: Path(folder) / f"{name}.json" for name in ("ours", "other")}
        checkouts = {"ours": THIS, "other": args.other.resolve()}
        functions = {n: partial(write_labels, checkouts[n], words, outs[n]) for n in outs}
        timings = time_side_by_side(functions, args.repeats, warm_up=0)
        contents = [out.read_bytes() for out in outs.values()]
    if contents[0] != contents[1]:
        raise SystemExit("the two checkouts wrote different labels")
    ours, other = (median(timings[name]) for name in ("ours", "other"))
    summary = {"cpu_ratio": other.cpu / ours.cpu, "wall_ratio": other.wall / ours.wall}
    rows = [
        ("processor seconds", ours.cpu, other.cpu, summary["cpu_ratio"]),
        ("seconds", ours.wall, other.wall, summary["wall_ratio"]),
    ]
    print(table(("", "ours", "other", "ratio"), rows))
    write_json(args.json, summary, setting(**files, workers=args.workers), as_samples(timings))


if __name__ == "__main__":
    main()
