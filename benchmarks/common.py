"""What every benchmark needs: timing side by side, the setting, the json file, a table.

Scripts beside this file say `from common import ...`; the package never imports it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import torch

PACKAGES = ("sapnet", "torch", "torchvision", "numpy")


@dataclass(frozen=True)
class Timing:
    """One run: seconds by the clock and of all processors, children that ended included."""

    wall: float
    cpu: float


def cpu_seconds() -> float:
    """Processor seconds of this process so far, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def time_once(function: Callable[[], object]) -> Timing:
    """Run a function once."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    function()
    return Timing(wall=time.perf_counter() - wall, cpu=cpu_seconds() - cpu)


def time_side_by_side(
    functions: Mapping[str, Callable[[], object]], repeats: int, warm_up: int = 1
) -> dict[str, list[Timing]]:
    """Run functions in turn, round after round, so that a busy moment meets all of them.

    Args:
        functions: what to time, by name.
        repeats: rounds that count.
        warm_up: rounds before them that do not.

    Returns:
        The timings of each, in the order of the rounds.
    """
    rounds = []
    for _ in range(warm_up + repeats):
        rounds.append({name: time_once(function) for name, function in functions.items()})
    return {name: [timed[name] for timed in rounds[warm_up:]] for name in functions}


def median(timings: Sequence[Timing]) -> Timing:
    """Median seconds by the clock, and of the processors."""
    return Timing(
        wall=statistics.median(t.wall for t in timings),
        cpu=statistics.median(t.cpu for t in timings),
    )


def as_samples(timings: Mapping[str, Sequence[Timing]]) -> dict[str, list[float]]:
    """Timings as lists, for the json file: NAME_wall_s and NAME_cpu_s."""
    walls = {f"{name}_wall_s": [run.wall for run in runs] for name, runs in timings.items()}
    return walls | {f"{name}_cpu_s": [run.cpu for run in runs] for name, runs in timings.items()}


def setting(**own: object) -> dict[str, Any]:
    """The machine, versions, threads and date; `own` adds what the benchmark was asked to do."""
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


def parse_json_argument(description: str, **options: dict[str, Any]) -> argparse.Namespace:
    """The command line: `--json FILE` (a path or None) and options, `repeats={"default": 5}`."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures here")
    for name, details in options.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **details)
    return parser.parse_args()


def write_json(
    path: Path | None, summary: Mapping[str, float], setting: Mapping[str, Any], samples: object
) -> None:
    """Write the figures; without a path do nothing. Ratios end in `_ratio`: larger is better."""
    if path is not None:
        figures = {"summary": summary, "setting": setting, "samples": samples}
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A markdown table; floats have three significant digits."""
    cells = [[f"{x:.3g}" if isinstance(x, float) else str(x) for x in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *cells])
