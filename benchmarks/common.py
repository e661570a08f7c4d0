"""Shared parts of the benchmarks: arguments, timing side by side, processes, figures.

The package never imports this folder. Scripts run from the root of the repository, as
`python -m benchmarks.speed.store`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
"""The repository, which is the import root of all scripts."""

PACKAGES = ("sapnet", "torch", "torchvision", "numpy")


@dataclass(frozen=True)
class Timing:
    """Time of one run.

    Attributes:
        wall: seconds by the clock.
        cpu: seconds of all processors, those of child processes that ended included.
    """

    wall: float
    cpu: float


def cpu_seconds() -> float:
    """Return the processor seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak_megabytes() -> float:
    """Return the peak of this process's memory, MB.

    `ru_maxrss` is at least that of the process that started this one; Linux's own count is not.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def time_once(function: Callable[[], object]) -> Timing:
    """Run a function once and time it."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    function()
    return Timing(wall=time.perf_counter() - wall, cpu=cpu_seconds() - cpu)


def time_side_by_side(
    functions: Mapping[str, Callable[[], object]], repeats: int, warm_up: int = 1
) -> dict[str, list[Timing]]:
    """Run functions in turn, round after round, so that a busy moment affects all of them.

    Args:
        functions: functions to time, by name.
        repeats: rounds that count.
        warm_up: rounds before them that do not count.

    Returns:
        The timings of each function, in the order of the rounds.
    """
    rounds = []
    for _ in range(warm_up + repeats):
        rounds.append({name: time_once(function) for name, function in functions.items()})
    return {name: [timed[name] for timed in rounds[warm_up:]] for name in functions}


def median(timings: Sequence[Timing]) -> Timing:
    """Return the median seconds by the clock and of the processors."""
    return Timing(
        wall=statistics.median(t.wall for t in timings),
        cpu=statistics.median(t.cpu for t in timings),
    )


def as_samples(timings: Mapping[str, Sequence[Timing]]) -> dict[str, list[float]]:
    """Convert timings to lists for the json file, named NAME_wall_s and NAME_cpu_s."""
    walls = {f"{name}_wall_s": [run.wall for run in runs] for name, runs in timings.items()}
    return walls | {f"{name}_cpu_s": [run.cpu for run in runs] for name, runs in timings.items()}


def setting(**own: object) -> dict[str, Any]:
    """Describe machine, versions, threads and date; `own` adds the benchmark's own options."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = {line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": ", ".join(sorted(models)),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_at_start": round(os.getloadavg()[0], 2),
        "threads": torch.get_num_threads(),
        "python": python_version(),
        **{name: version(name) for name in PACKAGES},
        **own,
    }


def parse_arguments(description: str | None, **options: dict[str, Any]) -> argparse.Namespace:
    """Parse the command line.

    Args:
        description: the module's docstring; its first line is shown by `--help`.
        options: keyword arguments of `add_argument` by the option's name, underscores becoming
            dashes, such as `repeats={"default": 5}`. `--json FILE` is always there.
    """
    first_line = (description or "").splitlines()[:1]
    parser = argparse.ArgumentParser(description="".join(first_line))
    for name, details in options.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **details)
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def given_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of a command line that are no paths, for the json file."""
    return {k: v for k, v in vars(args).items() if not isinstance(v, Path) and v is not None}


def write_json(
    path: Path | None, summary: Mapping[str, float], setting: Mapping[str, Any], samples: object
) -> None:
    """Write the figures of a benchmark.

    Args:
        path: json file; None writes nothing.
        summary: figures by name. A name that ends in `_ratio` is better when larger.
        setting: see `setting`.
        samples: all measured values.
    """
    if path is not None:
        figures = {"summary": summary, "setting": setting, "samples": samples}
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Format a Markdown table; floats have three significant digits."""
    cells = [[f"{x:.3g}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *cells])


def module_words(module: str, *words: object) -> list[str]:
    """Return the command line that runs a module of this repository."""
    return [sys.executable, "-m", module, *map(str, words)]


def module_environment(**own: str) -> dict[str, str]:
    """Return environment variables with which a child process finds this repository."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **own}


def figures_of_process(module: str, *words: object) -> dict[str, Any]:
    """Run a module in a process of its own and return the json of its last line of output.

    Raises:
        subprocess.CalledProcessError: the module failed.
    """
    child = subprocess.run(
        module_words(module, *words),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )
    figures: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return figures
