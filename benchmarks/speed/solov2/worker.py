"""Worker of one side of the comparison: answers commands that come as lines of json.

Imports torch, numpy and safetensors only, as mmdetection's side runs in an environment of its own.
`python -m benchmarks.speed.solov2.ours FOLDER THREADS` and `.mmdet FOLDER THREADS` serve.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

INPUT_FILE, WEIGHTS_FILE = "inputs.safetensors", "weights.safetensors"
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

Reply = dict[str, Any]
Outputs = dict[str, torch.Tensor]


@dataclass
class Stopwatch:
    """Seconds of the stages of one run, by the clock and of the processors."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall[name] = time.perf_counter() - wall
        self.cpu[name] = time.process_time() - cpu


Job = Callable[[Stopwatch], Outputs]


def serve(start: Callable[[Path], Mapping[str, Job]]) -> None:
    """Build one side, then run the jobs that are commanded, until the input ends.

    A command is {"job": NAME}, with {"save": FILE} to write the job's outputs. The reply has the
    seconds of the stages, the peak memory since the job began and, as `rest_mib`, the memory before
    it.

    Args:
        start: function that makes the jobs from the folder of inputs.
    """
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    # Output of libraries must not mix with the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    jobs = start(folder)
    print(json.dumps({"ready": True, "torch": torch.__version__}), file=replies, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(_run(jobs[command["job"]], command)), file=replies, flush=True)


def _run(job: Job, command: Mapping[str, Any]) -> Reply:
    watch = Stopwatch()
    before = resident_mib()
    reset_peak()
    outputs = job(watch)
    peak = peak_mib()
    if "save" in command:
        contiguous = {name: value.detach().contiguous() for name, value in outputs.items()}
        save_file(contiguous, command["save"])
    return {"wall": watch.wall, "cpu": watch.cpu, "rest_mib": before, "peak_mib": peak}


def resident_mib() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def reset_peak() -> None:
    """Reset the peak of the resident memory (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_mib() -> float:
    """Return the largest resident memory since `reset_peak`."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def gradients(model: torch.nn.Module, names: Mapping[str, str]) -> Outputs:
    """Return the gradients of some parameters, by the names that both sides share."""
    parameters = dict(model.named_parameters())
    found = {}
    for common, own in names.items():
        gradient = parameters[own].grad
        if gradient is None:
            raise RuntimeError(f"expected a gradient of {own}, found none")
        found[f"gradient/{common}"] = gradient
    return found
