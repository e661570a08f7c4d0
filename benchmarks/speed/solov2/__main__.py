"""SOLOv2 side by side with mmdetection 3.3: same weights, same inputs, same answers.

    python -m benchmarks.speed.solov2 --json solov2.json [--plot solov2.png] [--peer-venv DIR]

Makes an environment with mmdetection if there is none, converts its weights to ours, checks that
both give the same instances, losses and gradients, and times them in turn.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from matplotlib.figure import Figure
from safetensors.torch import load_file, save_file

from benchmarks.common import parse_arguments, setting, table, write_json
from benchmarks.speed.solov2.checks import differences
from benchmarks.speed.solov2.inputs import CANDIDATES, NUM_CANDIDATES, make_inputs
from benchmarks.speed.solov2.peer import DEFAULT_ENVIRONMENT, PEER, Side, peer_python

JOBS = ("inference", "step")
INPUT_FILE = "inputs.safetensors"
MIN_ROUNDS, JOB_SECONDS = 3, 100
"""A job is not repeated after this many rounds and seconds."""

Runs = dict[str, list[dict[str, Any]]]


def main() -> int:
    """Check, measure, print and write the figures; return 1 if the answers differ."""
    args = parse_arguments(
        __doc__,
        peer_venv={
            "type": Path,
            "default": DEFAULT_ENVIRONMENT,
            "help": "environment with mmdetection; made if there is none",
        },
        plot={"type": Path, "help": "PNG file: post-processing against the candidates"},
        repeats={"type": int, "default": 7, "help": "rounds that count"},
        threads={"type": int, "default": 2, "help": "threads of each side"},
    )
    torch.set_num_threads(args.threads)
    about = setting(peer=" ".join(PEER), repeats=args.repeats, candidates=NUM_CANDIDATES)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_file(make_inputs(), folder / INPUT_FILE)
        theirs = Side(
            peer_python(args.peer_venv), "benchmarks.speed.solov2.theirs", folder, args.threads
        )
        ours = Side(sys.executable, "benchmarks.speed.solov2.ours", folder, args.threads)
        sides = {"ours": ours, "mmdet": theirs}
        found = check(sides, folder)
        for line in found:
            print(line)
        if any(line.startswith("DIFFERENT") for line in found):
            return 1
        runs = measure(sides, args.repeats)
        limits = read_limits(ours, folder)
        for side in sides.values():
            side.close()
    summary = summarize(runs, limits)
    show(runs, summary)
    write_json(args.json, summary, about, samples(runs))
    if args.plot is not None:
        draw(summary, args.plot)
    return 0


def check(sides: Mapping[str, Side], folder: Path) -> list[str]:
    """Run each job once on both sides, which also warms up; return lines on the comparison."""
    lines = []
    for job in (*JOBS, *(f"postprocess_{count}" for count in CANDIDATES)):
        for name, side in sides.items():
            side.run(job, save=folder / f"{job}_{name}.safetensors")
        ours, theirs = (load_file(folder / f"{job}_{name}.safetensors") for name in sides)
        lines += [
            f"{job}: {line}" if line[0] != "D" else line for line in differences(ours, theirs)
        ]
    return lines


def measure(sides: Mapping[str, Side], repeats: int) -> Runs:
    """Time both sides in turn; return the replies by job and side."""
    runs: Runs = {}
    for job in (*JOBS, *(f"postprocess_{count}" for count in CANDIDATES)):
        start = time.monotonic()
        for done in range(repeats):
            if done >= MIN_ROUNDS and time.monotonic() - start > JOB_SECONDS:
                break  # a busy machine
            for name, side in sides.items():
                runs.setdefault(f"{job} {name}", []).append(side.run(job))
        ours, theirs = (typical(runs, job, name, "total", "cpu") for name in sides)
        print(f"{job}: {ours:.3f} and {theirs:.3f} CPU s, {theirs / ours:.2f} x", flush=True)
    return runs


def read_limits(ours: Side, folder: Path) -> dict[str, float]:
    """Return the operations of each job, and the rate of the machine's matrix products."""
    ours.run("limits", save=folder / "limits.safetensors")
    return {name: float(value) for name, value in load_file(folder / "limits.safetensors").items()}


def typical(runs: Runs, job: str, side: str, stage: str, clock: str = "wall") -> float:
    """Return the median seconds of a stage."""
    return median(run[clock][stage] for run in runs[f"{job} {side}"])


def summarize(runs: Runs, limits: Mapping[str, float]) -> dict[str, float]:
    """Return ratios, seconds, memory and the distance from the limit."""
    summary: dict[str, float] = {}
    for job in JOBS:
        ours, theirs = (typical(runs, job, side, "total") for side in ("ours", "mmdet"))
        cpu_ratio = typical(runs, job, "mmdet", "total", "cpu") / typical(
            runs, job, "ours", "total", "cpu"
        )
        limit = limits[f"{job}_flops"] / limits["matmul_flops_per_s"]
        summary |= {
            f"{job}_ratio": theirs / ours,
            f"{job}_cpu_ratio": cpu_ratio,
            f"{job}_ours_s": ours,
            f"{job}_mmdet_s": theirs,
            f"{job}_ours_cpu_s": typical(runs, job, "ours", "total", "cpu"),
            f"{job}_mmdet_cpu_s": typical(runs, job, "mmdet", "total", "cpu"),
            f"{job}_gflop": limits[f"{job}_flops"] / 1e9,
            f"{job}_limit_s": limit,
            f"{job}_over_limit": ours / limit,
        }
        for side in ("ours", "mmdet"):
            peaks = [run["peak_mib"] for run in runs[f"{job} {side}"]]
            summary[f"{job}_{side}_peak_mib"] = max(peaks)
            summary[f"{job}_{side}_cpu_per_wall"] = typical(
                runs, job, side, "total", "cpu"
            ) / typical(runs, job, side, "total")
    stage = "postprocess"
    summary["postprocess_ratio"] = typical(runs, "inference", "mmdet", stage) / typical(
        runs, "inference", "ours", stage
    )
    for count in CANDIDATES:
        job = f"postprocess_{count}"
        for side in ("ours", "mmdet"):
            summary[f"{job}_{side}_s"] = typical(runs, job, side, "total")
            summary[f"{job}_{side}_cpu_s"] = typical(runs, job, side, "total", "cpu")
        summary[f"{job}_ratio"] = summary[f"{job}_mmdet_s"] / summary[f"{job}_ours_s"]
    summary["matmul_gflops"] = limits["matmul_flops_per_s"] / 1e9
    return {name: round(value, 4) for name, value in summary.items()}


def samples(runs: Runs) -> dict[str, list[float]]:
    """Return all measured seconds, by the clock and of the processors."""
    found: dict[str, list[float]] = {}
    for key, replies in runs.items():
        for stage in replies[0]["wall"]:
            for clock in ("wall", "cpu"):
                name = f"{key.replace(' ', '_')}_{stage}_{clock}_s"
                found[name] = [round(reply[clock][stage], 4) for reply in replies]
    return found


def draw(summary: Mapping[str, float], path: Path) -> None:
    """Draw processor milliseconds of post-processing against the number of candidates."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for side, color in (("mmdet", "#c2410c"), ("ours", "#1d5fd1")):
        times = [1e3 * summary[f"postprocess_{count}_{side}_cpu_s"] for count in CANDIDATES]
        axes.plot(CANDIDATES, times, "o-", label=side, color=color)
    axes.set(
        xscale="log",
        xlabel="candidates that pass the score threshold",
        ylabel="post-processing, CPU ms",
        xticks=CANDIDATES,
        xticklabels=[str(count) for count in CANDIDATES],
        ylim=(0, None),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def show(runs: Runs, summary: Mapping[str, float]) -> None:
    """Print stages side by side, then the summary."""
    rows = []
    for job in (*JOBS, *(f"postprocess_{count}" for count in CANDIDATES)):
        for stage in runs[f"{job} ours"][0]["wall"]:
            ours, theirs = (typical(runs, job, side, stage) for side in ("ours", "mmdet"))
            busy = [
                typical(runs, job, side, stage, "cpu") / typical(runs, job, side, stage)
                for side in ("ours", "mmdet")
            ]
            cpu = [1e3 * typical(runs, job, side, stage, "cpu") for side in ("ours", "mmdet")]
            rows.append(
                [job, stage, 1e3 * ours, 1e3 * theirs, theirs / ours, *cpu, cpu[1] / cpu[0], *busy]
            )
    head = ["job", "stage", "ours ms", "mmdet ms", "ratio"]
    head += ["ours CPU ms", "mmdet CPU ms", "CPU ratio", "ours CPU s/s", "mmdet CPU s/s"]
    print(table(head, rows))
    for name, value in summary.items():
        print(f"{name:<28} {value}")


if __name__ == "__main__":
    sys.exit(main())
