"""The paper's ablation ladder, and ours, as one command.

    python -m benchmarks.ladder --scale small

Draws a synthetic set for each seed, trains every system on its clicks (a process per system and
seed) and scores the labels of the clicked images, and the segmenter on held-out ones. A ladder that
was stopped goes on where it was. Figures: OUT/ladder.json, a table on the screen; for pictures
`sapnet report --ladder OUT/ladder.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.common import setting
from benchmarks.ladder.page.file import FILE_NAME, LadderFolder, load_ladder
from benchmarks.ladder.page.table import ladder_table, table_markdown
from benchmarks.ladder.scales import FIRST_SEED, ladder_scale
from benchmarks.ladder.systems import System, ladder_systems
from benchmarks.ladder.worker import IMAGES, figures_file
from sapnet.system.device import choose_device
from sapnet.system.files import write_json_atomic

POLL_SECONDS = 0.5
SHARE_OF_SUPERVISED = "share_of_supervised"


@dataclass(frozen=True)
class Job:
    """A rung of one seed, or the seed's images."""

    seed: int
    system: str
    needs: tuple[str, ...]


@dataclass
class Running:
    """A job's process, and where it writes what it has to say."""

    job: Job
    process: subprocess.Popen[bytes]
    log: Path


class Stopwatch:
    """Minutes that a ladder has taken, over all the times it was stopped and went on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = json.loads(path.read_text())["minutes"] if path.is_file() else 0.0
        self._start = time.perf_counter()

    @property
    def minutes(self) -> float:
        """So far."""
        return self._before + (time.perf_counter() - self._start) / 60

    def save(self) -> None:
        """Keep it, for the case that the ladder is stopped."""
        write_json_atomic(self._path, {"minutes": self.minutes})


def wanted_systems(systems: tuple[System, ...], names: list[str] | None) -> tuple[System, ...]:
    """The named systems with those they need, or all; raises SystemExit for an unknown name."""
    if names is None:
        return systems
    known = {system.name: system for system in systems}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"--systems: expected some of {', '.join(known)}, found {unknown}")
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting += known[name].needs
    return tuple(system for system in systems if system.name in wanted)


def list_jobs(seeds: list[int], systems: tuple[System, ...]) -> list[Job]:
    """All jobs, a seed after the other: what is stopped early has whole seeds."""
    jobs = []
    for seed in seeds:
        jobs.append(Job(seed, IMAGES, ()))
        jobs += [Job(seed, system.name, (IMAGES, *system.needs)) for system in systems]
    return jobs


def next_job(waiting: list[Job], done: set[tuple[int, str]]) -> Job | None:
    """The first job all of whose needs are met."""
    ready = (job for job in waiting if all((job.seed, need) in done for need in job.needs))
    return next(ready, None)


def run_jobs(args: argparse.Namespace, jobs: list[Job], elapsed: Stopwatch) -> None:
    """Run what is not done yet, several at a time; raises RuntimeError if one fails."""
    done = {(job.seed, job.system) for job in jobs if figures_path(args.out, job).is_file()}
    waiting = [job for job in jobs if (job.seed, job.system) not in done]
    running: list[Running] = []
    with tqdm(total=len(jobs), initial=len(done), desc="ladder", unit="rung") as bar:
        try:
            while waiting or running:
                while len(running) < args.jobs and (job := next_job(waiting, done)) is not None:
                    waiting.remove(job)
                    running.append(start(args, job))
                time.sleep(POLL_SECONDS)
                for ended in [one for one in running if one.process.poll() is not None]:
                    running.remove(ended)
                    check(ended)
                    done.add((ended.job.seed, ended.job.system))
                    elapsed.save()
                    bar.update()
        finally:
            for one in running:
                one.process.terminate()


def start(args: argparse.Namespace, job: Job) -> Running:
    """Start a job's process, with its share of the cores."""
    folder = figures_path(args.out, job).parent
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    threads = str(max(1, (os.cpu_count() or 1) // args.jobs))
    words = [sys.executable, str(Path(__file__).with_name("ladder_worker.py"))]
    for name in ("out", "scale", "split", "device"):
        words += [f"--{name}", str(getattr(args, name))]
    words += ["--seed", str(job.seed), "--system", job.system]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",
        "TQDM_MININTERVAL": "30",
    }
    with log.open("ab") as sink:
        process = subprocess.Popen(words, stdout=sink, stderr=sink, env=environment)
    return Running(job, process, log)


def check(ended: Running) -> None:
    """Raise a RuntimeError with the end of its log if a job failed."""
    if ended.process.returncode:
        lines = ended.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise RuntimeError(
            f"seed {ended.job.seed}, {ended.job.system}: failed with {ended.process.returncode}; "
            f"log: {ended.log}\n" + "\n".join(lines)
        )


def figures_path(out: Path, job: Job) -> Path:
    """Where a job's figures lie once it is done."""
    return figures_file(LadderFolder(out, job.seed), job.system)


def read_figures(out: Path, seeds: list[int], system: str) -> dict[str, dict[str, float]]:
    """A system's figures by seed, with the share of ground truth's AP where both are known.

    A seed whose rung is not finished is left out.
    """
    found = {}
    for seed in seeds:
        figures = _read(figures_path(out, Job(seed, system, ())))
        limit = _read(figures_path(out, Job(seed, "supervised", ()))).get("mask_ap")
        if "mask_ap" in figures and limit:
            figures[SHARE_OF_SUPERVISED] = figures["mask_ap"] / limit
        if figures:
            found[str(seed)] = figures
    return found


def _read(path: Path) -> dict[str, float]:
    """The figures of a rung; none where it is not finished."""
    return json.loads(path.read_text()) if path.is_file() else {}


def mean_and_std(values: list[float]) -> dict[str, float | None]:
    """Mean and sample standard deviation; without one of a single value."""
    std = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "std": std}


def over_seeds(by_seed: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    """Each figure over the seeds that have it."""
    names = sorted({name for figures in by_seed.values() for name in figures})
    found = {name: [f[name] for f in by_seed.values() if name in f] for name in names}
    for name in names:
        if name.startswith("share_") and name != SHARE_OF_SUPERVISED:
            # A kind that no label of a seed is made of has no entry there.
            labelled = [figures for figures in by_seed.values() if "label_miou" in figures]
            found[name] = [figures.get(name, 0.0) for figures in labelled]
    return {name: mean_and_std(values) for name, values in found.items()}


def summarise(
    args: argparse.Namespace, systems: tuple[System, ...], minutes: float
) -> dict[str, Any]:
    """The content of ladder.json."""
    scale = ladder_scale(args.scale, 0, args.device)
    images = over_seeds(read_figures(args.out, args.seeds, IMAGES))
    here = setting()
    return {
        "scale": args.scale,
        "split": args.split,
        "date": here["date"][:10],
        "command": f"python -m benchmarks.ladder --scale {args.scale} --split {args.split} "
        f"--seeds {' '.join(map(str, args.seeds))}",
        "machine": f"{here['cores']} cores, {here['memory_gib']} GiB, {here['processor']}",
        "setting": here,
        "minutes": round(minutes, 1),
        "seeds": args.seeds,
        "data": {
            "train_images": scale.train_images,
            "test_images": scale.test_images,
            "objects": round(images["num_objects"]["mean"]),
            "oracle_miou": images["oracle_miou"],
            "top1_miou": images["top1_miou"],
        },
        "systems": {
            system.name: summary_of(args, system, {other.name for other in systems})
            for system in systems
        },
    }


def summary_of(args: argparse.Namespace, system: System, known: set[str]) -> dict[str, Any]:
    """A system's entry in ladder.json; `known` are those that were run."""
    by_seed = read_figures(args.out, args.seeds, system.name)
    return {
        "title": system.title,
        "group": system.group,
        "adds_to": system.adds_to if system.adds_to in known else None,
        "paper_mask_ap": system.paper_mask_ap,
        **over_seeds(by_seed),
        "seeds": by_seed,
    }


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scale",
        choices=("tiny", "small", "full"),
        default="small",
        help="small: about 90 minutes on two cores; full: for a GPU; tiny: minutes, for a test",
    )
    parser.add_argument("--out", type=Path, help="folder; runs/ladder-SCALE by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument(
        "--split",
        choices=tuple(FIRST_SEED),
        default="test",
        help="tuning: other images of the same kind, to choose constants on",
    )
    parser.add_argument("--systems", nargs="+", help="only these (and what they need)")
    parser.add_argument("--jobs", type=int, help="rungs at a time; a GPU: 1, else one per core")
    parser.add_argument(
        "--summary", action="store_true", help="run nothing: the figures of what is finished"
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    args.out = args.out or Path("runs") / f"ladder-{args.scale}"
    args.device = str(choose_device(args.device))
    args.jobs = args.jobs or (os.cpu_count() or 1 if args.device == "cpu" else 1)
    args.out.mkdir(parents=True, exist_ok=True)
    return args


def main() -> None:
    """Run the ladder."""
    args = parse_arguments()
    scale = ladder_scale(args.scale, 0, args.device)
    systems = wanted_systems(ladder_systems(scale.model.selection), args.systems)
    elapsed = Stopwatch(args.out / "elapsed.json")
    if not args.summary:
        run_jobs(args, list_jobs(args.seeds, systems), elapsed)
    ladder = write_json_atomic(args.out / FILE_NAME, summarise(args, systems, elapsed.minutes))
    print(table_markdown(ladder_table(load_ladder(ladder))))
    print(f"\n{elapsed.minutes:.1f} min; figures: {ladder}")
    print(f"pictures: sapnet report --ladder {ladder} --out {args.out / 'report.html'}")
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ladder, args.json)


if __name__ == "__main__":
    main()
