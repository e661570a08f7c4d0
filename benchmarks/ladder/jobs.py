"""Jobs of the ladder: a process per system and seed, several at a time, resumable."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.common import module_environment, module_words
from benchmarks.ladder.page.file import LadderFolder
from benchmarks.ladder.systems import System
from benchmarks.ladder.worker import IMAGES, figures_file
from sapnet.system.files import write_json_atomic

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Photographs:
    """A set of photographs that takes the place of the synthetic images.

    Attributes:
        folder: of the set.
        proposer: of the candidate masks.
    """

    folder: Path
    proposer: str

    @property
    def words(self) -> list[object]:
        """The options that name them."""
        return ["--photographs", self.folder, "--proposer", self.proposer]


@dataclass(frozen=True)
class JobOptions:
    """Options that all jobs of a ladder share.

    Attributes:
        out: folder of the ladder.
        scale: name of its size, see `scales`.
        split: "test" or "tuning".
        device: device of all trainings.
        jobs: processes at a time.
        photographs: set of photographs in place of synthetic images, see `Photographs`.
    """

    out: Path
    scale: str
    split: str
    device: str
    jobs: int
    photographs: Photographs | None = None


@dataclass(frozen=True)
class Job:
    """A system of one seed, or the images of the seed.

    Attributes:
        seed: the seed.
        system: name of the system, or `IMAGES`.
        needs: names that must be finished before.
    """

    seed: int
    system: str
    needs: tuple[str, ...]


@dataclass
class Running:
    """A job's process and the log of its output."""

    job: Job
    process: subprocess.Popen[bytes]
    log: Path


class Stopwatch:
    """Minutes spent on a ladder, those before it was stopped included."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = json.loads(path.read_text())["minutes"] if path.is_file() else 0.0
        self._start = time.perf_counter()

    @property
    def minutes(self) -> float:
        """Minutes so far."""
        return self._before + (time.perf_counter() - self._start) / 60

    def save(self) -> None:
        """Write the minutes, for the case that the ladder is stopped."""
        write_json_atomic(self._path, {"minutes": self.minutes})


def list_jobs(seeds: list[int], systems: tuple[System, ...]) -> list[Job]:
    """List all jobs, seed by seed, so that a ladder stopped early has whole seeds."""
    jobs = []
    for seed in seeds:
        jobs.append(Job(seed, IMAGES, ()))
        jobs += [Job(seed, system.name, (IMAGES, *system.needs)) for system in systems]
    return jobs


def next_job(waiting: list[Job], done: set[tuple[int, str]]) -> Job | None:
    """Return the first job whose needs are all done; None if there is none."""
    ready = (job for job in waiting if all((job.seed, need) in done for need in job.needs))
    return next(ready, None)


def run_jobs(options: JobOptions, jobs: list[Job], elapsed: Stopwatch) -> None:
    """Run the jobs that are not done yet, several at a time.

    Raises:
        RuntimeError: a job failed.
    """
    done = {(job.seed, job.system) for job in jobs if figures_path(options.out, job).is_file()}
    waiting = [job for job in jobs if (job.seed, job.system) not in done]
    running: list[Running] = []
    with tqdm(total=len(jobs), initial=len(done), desc="ladder", unit="rung") as bar:
        try:
            while waiting or running:
                while len(running) < options.jobs and (job := next_job(waiting, done)) is not None:
                    waiting.remove(job)
                    running.append(start(options, job))
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


def start(options: JobOptions, job: Job) -> Running:
    """Start a job's process with its share of the cores, or OMP_NUM_THREADS threads."""
    folder = figures_path(options.out, job).parent
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    words = ["--out", options.out, "--scale", options.scale, "--split", options.split]
    words += ["--device", options.device, "--seed", job.seed, "--system", job.system]
    words += [] if options.photographs is None else options.photographs.words
    threads = str(max(1, (os.cpu_count() or 1) // options.jobs))
    environment = module_environment(
        OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", threads),
        OMP_WAIT_POLICY="PASSIVE",
        TQDM_MININTERVAL="30",
    )
    with log.open("ab") as sink:
        process = subprocess.Popen(
            module_words("benchmarks.ladder.worker", *words),
            stdout=sink,
            stderr=sink,
            env=environment,
        )
    return Running(job, process, log)


def check(ended: Running) -> None:
    """Check that a job succeeded.

    Raises:
        RuntimeError: it failed; the message has the end of its log.
    """
    if ended.process.returncode:
        lines = ended.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise RuntimeError(
            f"seed {ended.job.seed}, {ended.job.system}: failed with {ended.process.returncode}; "
            f"log: {ended.log}\n" + "\n".join(lines)
        )


def figures_path(out: Path, job: Job) -> Path:
    """Return the path of a job's figures, which exist once it is done."""
    return figures_file(LadderFolder(out, job.seed), job.system)
